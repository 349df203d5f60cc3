//! Gateways for text messages and voice calls: one POST each, whose body is a template.

use super::http::Poster;
use super::render::{Style, cut, lines};
use super::{Answer, ChannelError, Target};
use crate::notice::Notice;
use std::path::Path;
use std::time::Duration;

/// Bytes of a text message's text: some two hundred Chinese characters, three parts of a long message.
const TEXT_MAX_BYTES: usize = 600;

/// A template with `{text}`, `{number}`, `{level}`, `{phone}`, and the type of what it makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    body: String,
    content_type: ContentType,
    phones: Vec<String>,
}

/// How values are written into a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ContentType {
    Json,
    Form,
    Plain,
}

/// One gateway, ready to send.
pub struct Gateway {
    poster: Poster,
    template: Template,
}

impl Template {
    /// A template for `application/json`, `application/x-www-form-urlencoded` or `text/plain`, sent once for each phone, or once
    /// where there is none.
    ///
    /// # Errors
    /// What is wrong with it, in English.
    pub fn new(body: &str, content_type: &str, phones: &[String]) -> Result<Self, String> {
        let content_type = match content_type {
            "application/json" => ContentType::Json,
            "application/x-www-form-urlencoded" => ContentType::Form,
            "text/plain" => ContentType::Plain,
            other => {
                return Err(format!(
                    "'{other}' is none of application/json, application/x-www-form-urlencoded, text/plain"
                ));
            }
        };
        if !body.contains("{text}") {
            return Err("the template has no {text}: nobody would be told anything".to_owned());
        }
        let template = Self { body: body.to_owned(), content_type, phones: phones.to_vec() };
        let probe = template.fill("x\"\\\n", "W-000001", "1", "1");
        if content_type == ContentType::Json
            && let Err(e) = serde_json::from_str::<serde_json::Value>(&probe)
        {
            return Err(format!("the template is no JSON: {e}"));
        }
        Ok(template)
    }

    fn fill(&self, text: &str, number: &str, level: &str, phone: &str) -> String {
        let mut out = String::new();
        let mut rest = self.body.as_str();
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            out.push_str(before);
            let known =
                [("{text}", text), ("{number}", number), ("{level}", level), ("{phone}", phone)];
            match known.into_iter().find(|(name, _)| after.starts_with(name)) {
                Some((name, value)) => {
                    out.push_str(&self.content_type.write(value));
                    rest = &after[name.len()..];
                }
                None => {
                    out.push('{');
                    rest = &after[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

impl ContentType {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Plain => "text/plain; charset=utf-8",
        }
    }

    fn write(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            // Between the quotes that the template has.
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Form => value
                .bytes()
                .map(|b| match b {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        char::from(b).to_string()
                    }
                    b => format!("%{b:02X}"),
                })
                .collect(),
        }
    }
}

impl Gateway {
    /// A gateway at this URL.
    ///
    /// # Errors
    /// [`ChannelError`] when TLS cannot be prepared.
    pub fn new(
        target: Target,
        template: Template,
        ca_file: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, ChannelError> {
        Ok(Self { poster: Poster::new(target, ca_file, timeout)?, template })
    }

    /// Says several things in one message to each phone. The first that fails stops it, and all is tried again.
    pub(crate) async fn tell(
        &self,
        notices: &[&Notice],
        url: &str,
        timeout: Option<Duration>,
    ) -> Answer {
        let style = Style { details: false, markdown: false };
        let mut text = lines(notices, url, style, TEXT_MAX_BYTES);
        cut(&mut text, TEXT_MAX_BYTES);
        let first = notices.first();
        let label = |name: &str| first.and_then(|n| n.labels.get(name)).map_or("", String::as_str);
        let nobody = [String::new()];
        let phones: &[String] =
            if self.template.phones.is_empty() { &nobody } else { &self.template.phones };
        let mut last = Answer::Told { status: 200 };
        for phone in phones {
            let body = self.template.fill(&text, label("incident"), label("level"), phone);
            let headers = [("content-type", self.template.content_type.name())];
            last = match self.poster.post("", &headers, body.into_bytes(), timeout).await {
                Ok(reply) => reply.answer(),
                Err(answer) => answer,
            };
            if !matches!(last, Answer::Told { .. }) {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: templates of the three types with values that need quoting, and templates that tell nothing.
    /// Guarantees: what is made is valid in its type whatever the text; the others are refused with words.
    #[test]
    fn values_are_written_in_the_templates_type() {
        let make = |body: &str, kind: &str| Template::new(body, kind, &[]).unwrap();
        let text = "挂号 \"慢\"\n{level}&";
        let json = make(r#"{"to":"{phone}","msg":"{text}"}"#, "application/json");
        let made: serde_json::Value =
            serde_json::from_str(&json.fill(text, "W-000001", "1", "138")).unwrap();
        assert_eq!((&made["msg"], &made["to"]), (&text.into(), &"138".into()));
        let form = make("m={phone}&c={text}&l={level}", "application/x-www-form-urlencoded");
        let made = form.fill("a b&慢", "", "2", "138");
        assert_eq!(made, "m=138&c=a%20b%26%E6%85%A2&l=2");
        assert_eq!(
            make("{number}: {text} {x}", "text/plain").fill("t", "W-1", "", ""),
            "W-1: t {x}"
        );
        for (body, kind, want) in [
            ("{text}", "text/html", "none of"),
            ("hello", "text/plain", "no {text}"),
            (r#"{"msg":{text}}"#, "application/json", "no JSON"),
        ] {
            let refused = Template::new(body, kind, &[]).unwrap_err();
            assert!(refused.contains(want), "{refused}");
        }
    }
}
