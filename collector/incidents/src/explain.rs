//! Whether a cause explains a symptom: label templates.

use collector_domain::ExplainedBy;
use shared_model::Labels;

/// Whether the labels of a cause agree with all templates over the symptom's labels.
pub(crate) fn agrees(explanation: &ExplainedBy, cause: &Labels, symptom: &Labels) -> bool {
    explanation.on.iter().all(|(label, template)| {
        render(template, symptom).is_some_and(|value| cause.get(label) == Some(value.as_str()))
    })
}

/// The template with `{label}` replaced; `None` when a label is missing or a brace is not closed, which agrees with nothing.
fn render(template: &str, labels: &Labels) -> Option<String> {
    let mut rendered = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (label, tail) = after.split_once('}')?;
        rendered.push_str(before);
        rendered.push_str(labels.get(label)?);
        rest = tail;
    }
    rendered.push_str(rest);
    Some(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: templates with, without and with missing labels. Guarantees: only a complete and equal value agrees.
    #[test]
    fn templates_agree_only_when_complete() {
        let symptom = Labels::from_pairs([("device", "loop7"), ("host", "db1")]);
        let cause = Labels::from_pairs([("device", "/dev/loop7"), ("host", "db1")]);
        for (label, template, want) in [
            ("device", "/dev/{device}", true),
            ("device", "{device}", false),
            ("host", "{host}", true),
            ("host", "{instance}", false),
            ("host", "{host", false),
            ("host", "db1", true),
            ("port", "{host}", false),
        ] {
            let on = [(label.to_owned(), template.to_owned())].into();
            let explanation = ExplainedBy { rule: "x".into(), on };
            assert_eq!(agrees(&explanation, &cause, &symptom), want, "{label}: {template}");
        }
    }
}
