//! Writing HTML so that text from outside cannot become markup: markup is `&'static str`, everything else is escaped.

/// A page under construction.
#[derive(Default)]
pub(crate) struct Html(String);

impl Html {
    /// A page with its head, up to the opening of `body`. `refresh_seconds` makes the browser load it again.
    pub(super) fn page(title: &str, refresh_seconds: Option<u32>) -> Self {
        let mut html = Self::default();
        html.raw("<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n")
            .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        if let Some(seconds) = refresh_seconds {
            html.raw("<meta http-equiv=\"refresh\" content=\"")
                .text(&seconds.to_string())
                .raw("\">\n");
        }
        html.raw("<title>").text(title).raw(
            "</title>\n<link rel=\"stylesheet\" href=\"/assets/status.css\">\n</head>\n<body>\n",
        );
        html
    }

    /// Adds markup that is part of the program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, escaped for element content and quoted attributes alike.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Control characters but white space are not allowed in HTML at all; shown as the replacement character.
                c if c.is_control() && !matches!(c, '\n' | '\t') => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Chinese text with the English beside it in smaller type.
    pub(super) fn both(&mut self, zh: &str, en: &str) -> &mut Self {
        self.text(zh).raw(" <small lang=\"en\">").text(en).raw("</small>")
    }

    /// The finished page.
    pub(super) fn finish(mut self) -> String {
        self.raw("</body>\n</html>\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every character that means something in HTML, and control characters.
    /// Guarantees: none of them survives as itself; other scripts do.
    #[test]
    fn text_cannot_become_markup() {
        let mut html = Html::default();
        html.text("<b a=\"1\" c='2'>&amp;\u{0}\u{1b}\n巡诊");
        assert_eq!(
            html.0,
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;\u{fffd}\u{fffd}\n巡诊"
        );
    }
}
