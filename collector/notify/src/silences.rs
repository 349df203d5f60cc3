//! Silences: made, ended, and asked whether they mute an incident.

use crate::state::Notifications;
use collector_domain::{
    Incident, NewSilence, SILENCE_MATCHERS_MAX, SILENCE_REASON_MAX_CHARS, SILENCE_SPAN_MAX,
    SILENCE_TEXT_MAX_CHARS, SILENCE_VALUES_MAX, SILENCES_MAX, Silence, SilenceChange, SilenceId,
    SilenceMatcher, SilenceRefused, SilenceState,
};
use shared_model::Timestamp;

/// Ended silences that are still listed: the newest, enough for a month of daily maintenance in many parts.
const ENDED_MAX: usize = 1_000;

impl Notifications {
    /// Takes one change of a person.
    ///
    /// # Errors
    /// Why it was refused; then nothing has changed.
    pub fn silence(
        &mut self,
        now: Timestamp,
        change: &SilenceChange,
    ) -> Result<Silence, SilenceRefused> {
        match change {
            SilenceChange::Create(new) => self.create(now, new),
            SilenceChange::Expire { id, by } => self.expire(now, *id, by),
        }
    }

    /// The silences that mute this incident now.
    pub fn muting(&self, incident: &Incident, now: Timestamp) -> Vec<SilenceId> {
        self.silences.values().filter(|s| s.mutes(incident, now)).map(|s| s.id).collect()
    }

    fn create(&mut self, now: Timestamp, new: &NewSilence) -> Result<Silence, SilenceRefused> {
        let start = new.start.unwrap_or(now).max(now);
        check(new, start)?;
        let lasting = self.silences.values().filter(|s| s.state(now) != SilenceState::Expired);
        if lasting.count() >= SILENCES_MAX {
            return Err(SilenceRefused::TooMany);
        }
        self.last_silence += 1;
        let id = SilenceId(self.last_silence);
        let silence = Silence {
            id,
            matchers: new.matchers.clone(),
            by: new.by.trim().to_owned(),
            reason: new.reason.trim().to_owned(),
            created: now,
            start,
            end: new.end,
            ended_by: None,
        };
        self.silences.insert(id, silence.clone());
        self.forget_ended(now);
        Ok(silence)
    }

    fn expire(
        &mut self,
        now: Timestamp,
        id: SilenceId,
        by: &str,
    ) -> Result<Silence, SilenceRefused> {
        let silence = self.silences.get_mut(&id).ok_or(SilenceRefused::Unknown(id))?;
        if silence.state(now) == SilenceState::Expired {
            return Err(SilenceRefused::Ended { id, end: silence.end });
        }
        silence.end = now;
        silence.ended_by = Some(by.to_owned());
        Ok(silence.clone())
    }

    fn forget_ended(&mut self, now: Timestamp) {
        let ended = |s: &&Silence| s.state(now) == SilenceState::Expired;
        let mut by_end: Vec<(Timestamp, SilenceId)> =
            self.silences.values().filter(ended).map(|s| (s.end, s.id)).collect();
        by_end.sort_unstable();
        let surplus = by_end.len().saturating_sub(ENDED_MAX);
        for (_, id) in by_end.into_iter().take(surplus) {
            self.silences.remove(&id);
        }
    }
}

fn check(new: &NewSilence, start: Timestamp) -> Result<(), SilenceRefused> {
    let invalid = |what: String| Err(SilenceRefused::Invalid(what));
    if new.by.trim().is_empty() {
        return Err(SilenceRefused::Missing("the name of the account"));
    }
    if new.reason.trim().is_empty() {
        return Err(SilenceRefused::Missing("the reason"));
    }
    if new.reason.chars().count() > SILENCE_REASON_MAX_CHARS {
        return invalid(format!("the reason has at most {SILENCE_REASON_MAX_CHARS} characters"));
    }
    if new.matchers.is_empty() {
        return Err(SilenceRefused::Missing("a matcher"));
    }
    if new.matchers.len() > SILENCE_MATCHERS_MAX {
        return invalid(format!("a silence has at most {SILENCE_MATCHERS_MAX} matchers"));
    }
    new.matchers.iter().try_for_each(check_matcher)?;
    if new.end <= start {
        return invalid(format!("it ends at {}, which is not after its start {start}", new.end));
    }
    if new.end.since(start) > SILENCE_SPAN_MAX {
        let days = SILENCE_SPAN_MAX.as_secs() / 86_400;
        return invalid(format!(
            "a silence lasts at most {days} days: end it by {}",
            start.plus(SILENCE_SPAN_MAX)
        ));
    }
    Ok(())
}

fn check_matcher(matcher: &SilenceMatcher) -> Result<(), SilenceRefused> {
    let fits = |text: &str| (1..=SILENCE_TEXT_MAX_CHARS).contains(&text.chars().count());
    let SilenceMatcher { name, values } = matcher;
    let what = if !fits(name) {
        format!("the name of a matcher has 1 to {SILENCE_TEXT_MAX_CHARS} characters")
    } else if !(1..=SILENCE_VALUES_MAX).contains(&values.len()) {
        format!("the matcher {name} has 1 to {SILENCE_VALUES_MAX} values")
    } else if !values.iter().all(|v| fits(v)) {
        format!("a value of the matcher {name} has 1 to {SILENCE_TEXT_MAX_CHARS} characters")
    } else if name == "level" && !values.iter().all(|v| matches!(v.as_str(), "1" | "2" | "3" | "4"))
    {
        "level is 1, 2, 3 or 4".to_owned()
    } else {
        return Ok(());
    };
    Err(SilenceRefused::Invalid(what))
}
