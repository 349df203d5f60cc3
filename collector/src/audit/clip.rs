//! Texts of an event, held to a length: they come from the network.

use collector_domain::AuditEvent;

/// Longest text of an event in characters: an account name has 64, an identity some 200, a sentence fits.
const TEXT_CHARS_MAX: usize = 1_000;

/// The event with its texts cut to [`TEXT_CHARS_MAX`].
pub(super) fn clipped(mut event: AuditEvent) -> AuditEvent {
    clip(&mut event.who);
    clip(&mut event.object);
    clip(&mut event.detail);
    if let Some(from) = &mut event.from {
        clip(from);
    }
    event
}

fn clip(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
}
