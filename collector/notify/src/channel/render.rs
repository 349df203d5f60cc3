//! What robots, mails and text messages say: short lines, within a limit of bytes, cut between characters and never without the
//! link to the rest.

use crate::notice::Notice;

/// How much is said. Robots are on the internet: by default they carry number, level, clause and link only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Style {
    /// Titles and what it concerns as well.
    pub(crate) details: bool,
    /// Links as Markdown.
    pub(crate) markdown: bool,
}

/// One line per notice, as many as fit into `max_bytes`; what does not fit is counted in the last line, with the link to all.
pub(crate) fn lines(notices: &[&Notice], url: &str, style: Style, max_bytes: usize) -> String {
    let rest = |left: usize| format!("…… 另有 {left} 条 / {left} more: {url}/");
    let mut text = String::new();
    for (at, notice) in notices.iter().enumerate() {
        let mut line = line(notice, url, style);
        let left = notices.len() - at;
        let is_last = left == 1;
        let room = max_bytes.saturating_sub(text.len() + 1);
        let reserved = if is_last { 0 } else { rest(left).len() + 1 };
        if line.len() + reserved > room {
            let tail = rest(left);
            if text.is_empty() {
                // Not even one: its begin, and the link.
                cut(&mut line, room.saturating_sub(tail.len() + 1));
                text = line;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&tail);
            cut(&mut text, max_bytes);
            return text;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}

fn line(notice: &Notice, url: &str, style: Style) -> String {
    let annotation = |name: &str| notice.annotations.get(name).map_or("", String::as_str);
    let label = |name: &str| notice.labels.get(name).map_or("-", String::as_str);
    let number = notice.incident.as_deref().unwrap_or("TEST");
    let link = match &notice.incident {
        Some(id) => format!("{url}/api/v1/incidents/{id}"),
        None => format!("{url}/"),
    };
    let head = format!(
        "[{number}] {}级 {} / level {}, {} · 条款 {}",
        label("level"),
        annotation("event_zh"),
        label("level"),
        annotation("event_en"),
        label("clause"),
    );
    let details = match style.details {
        true => format!(
            " · {} / {} · {}",
            annotation("title_zh"),
            annotation("title_en"),
            label("host")
        ),
        false => String::new(),
    };
    match style.markdown {
        true => format!("**{head}**{details} [查看 / open]({link})"),
        false => format!("{head}{details} {link}"),
    }
}

/// Cuts a text at a character's boundary.
pub(crate) fn cut(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        let at = (0..=max_bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::test_notice;
    use crate::profile::Origin;
    use shared_model::Timestamp;

    fn notice(n: usize) -> Notice {
        let mut notice = test_notice(&Origin::default(), Timestamp::from_secs(1));
        notice.incident = Some(format!("W-{n:06}"));
        notice.annotations.insert("title_zh".to_owned(), "数据库宕机".repeat(200));
        notice.annotations.insert("event_zh".to_owned(), "新故障".to_owned());
        notice
    }

    /// Scenario: 1 to 400 notices, short and long, into limits down to nothing (T14). Guarantees: never more bytes than the limit,
    /// always whole characters; what is left out is counted and linked; without details no title leaves.
    #[test]
    fn texts_fit_and_say_what_is_left_out() {
        let all: Vec<Notice> = (1..=400).map(notice).collect();
        for details in [false, true] {
            for markdown in [false, true] {
                for count in [1, 2, 20, 400] {
                    let some: Vec<&Notice> = all.iter().take(count).collect();
                    for max in [0, 1, 40, 100, 300, 2_048, 4_096, 20_000] {
                        let text = lines(&some, "https://c:8443", Style { details, markdown }, max);
                        assert!(text.len() <= max, "{count} {max}: {}", text.len());
                        let has_title = text.contains("数据库");
                        let fits = if details { has_title || max < 2_048 } else { !has_title };
                        assert!(fits, "{text}");
                        let told =
                            (1..=count).filter(|n| text.contains(&format!("W-{n:06}"))).count();
                        if max >= 2_048 && told < count {
                            let left = format!("另有 {}", count - told);
                            assert!(text.contains(&left) || told == 1, "{count} {max}: {text}");
                            assert!(text.contains("https://c:8443/"), "{text}");
                        }
                    }
                }
            }
        }
    }
}
