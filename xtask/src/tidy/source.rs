//! Finds the comments and strings of Rust source code.

/// The kind of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A doc comment: `///` or `//!`.
    Doc,
    /// Any other comment.
    Comment,
    /// A string literal.
    String,
    /// A Markdown file.
    Document,
}

/// A text: a string, or comments of the same kind on consecutive lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) kind: Kind,
    /// Line numbers, from 1, and what each line contains without the markers.
    pub(super) lines: Vec<(usize, String)>,
}

impl Text {
    /// Whether this is a string of a single word.
    pub(super) fn is_key(&self) -> bool {
        let words = self.lines.iter().flat_map(|(_, line)| line.split_whitespace());
        let n_words = words.filter(|word| word.contains(char::is_alphabetic)).count();
        self.kind == Kind::String && n_words < 2
    }
}

/// The comments and strings of a source file, in order.
pub(super) fn texts(source: &str) -> Vec<Text> {
    let mut scanner = Scanner { rest: source, line: 1, texts: Vec::new() };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.texts
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    texts: Vec<Text>,
}

impl<'a> Scanner<'a> {
    /// Consumes a comment, a literal, an identifier or a single character.
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.line_comment();
        } else if rest.starts_with("/*") {
            let comment = self.take(block_comment_len(rest));
            self.push(Kind::Comment, comment.trim_start_matches(['/', '*']));
        } else if let Some((prefix, hashes)) = raw_string(rest) {
            self.take(prefix);
            let end = format!("\"{hashes}");
            let content = self.take(self.rest.find(&end).unwrap_or(self.rest.len()));
            self.push(Kind::String, content);
            self.take(end.len().min(self.rest.len()));
        } else if rest.starts_with('"') {
            self.take(1);
            let content = self.take(string_len(self.rest));
            self.push(Kind::String, content);
            self.take(1.min(self.rest.len()));
        } else if rest.starts_with('\'') {
            self.take(char_len(rest));
        } else {
            // Identifiers as a whole, so that the `r` of one never starts a raw string.
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let len = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
            self.take(len);
        }
    }

    fn line_comment(&mut self) {
        let line = self.line;
        let comment = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        let is_doc = comment.starts_with("//!")
            || (comment.starts_with("///") && !comment.starts_with("////"));
        let kind = if is_doc { Kind::Doc } else { Kind::Comment };
        let content = comment.trim_start_matches('/').trim_start_matches('!');
        match self.texts.last_mut() {
            Some(Text { kind: last, lines })
                if *last == kind && lines.last().is_some_and(|(n, _)| n + 1 == line) =>
            {
                lines.push((line, content.to_owned()));
            }
            _ => self.texts.push(Text { kind, lines: vec![(line, content.to_owned())] }),
        }
    }

    /// Consumes `len` bytes and counts their lines.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }

    /// Adds the text that was just consumed.
    fn push(&mut self, kind: Kind, content: &str) {
        let first = self.line - content.matches('\n').count();
        // A backslash at the end of a line joins it with the next.
        let line = |line: &str| line.trim_end_matches('\\').to_owned();
        let lines = content.split('\n').enumerate().map(|(n, text)| (first + n, line(text)));
        self.texts.push(Text { kind, lines: lines.collect() });
    }
}

/// Bytes of the block comment at the start of `rest`, with those nested in it.
fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `r#"` and its like at the start of `rest`, and its `#`.
fn raw_string(rest: &str) -> Option<(usize, &str)> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let after = &rest[prefix.len()..];
    let hashes = &after[..after.find(|c| c != '#')?];
    after[hashes.len()..].starts_with('"').then_some((prefix.len() + hashes.len() + 1, hashes))
}

/// Bytes of a string's content up to its closing quote.
fn string_len(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            '"' if !is_escaped => return at,
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    rest.len()
}

/// Bytes of a character literal, or 1 for a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // The character after the backslash may be a quote.
            let end = chars.skip(1).find(|(_, c)| *c == '\'');
            end.map_or(1, |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, first line and content of each text.
    fn found(source: &str) -> Vec<(Kind, usize, String)> {
        let joined = |text: Text| {
            let lines: Vec<String> = text.lines.iter().map(|(_, line)| line.clone()).collect();
            (text.kind, text.lines[0].0, lines.join("|"))
        };
        texts(source).into_iter().map(joined).collect()
    }

    fn text(kind: Kind, line: usize, content: &str) -> (Kind, usize, String) {
        (kind, line, content.to_owned())
    }

    #[test]
    fn comments_on_consecutive_lines_are_one_text() {
        let source = "//! a\n//! b\n\n/// c\n// d\nfn f() {} // e\n//// f\n";
        let expected = [
            text(Kind::Doc, 1, " a| b"),
            text(Kind::Doc, 4, " c"),
            text(Kind::Comment, 5, " d| e| f"),
        ];
        assert_eq!(found(source), expected);
        assert_eq!(found("/* a /* b */\n c */ d"), [text(Kind::Comment, 1, " a /* b */| c */")]);
    }

    #[test]
    fn strings_are_found_whatever_they_contain() {
        let source = r##"f("a \" // b", r#"c " d"#, br"e", b'"', '\'', '"', "g \
            h"); let s: &'static str = bar"##;
        let expected = [
            text(Kind::String, 1, r#"a \" // b"#),
            text(Kind::String, 1, "c \" d"),
            text(Kind::String, 1, "e"),
            text(Kind::String, 1, "g |            h"),
        ];
        assert_eq!(found(source), expected);
    }

    #[test]
    fn code_that_ends_early_ends_the_scan() {
        for source in ["\"a", "r#\"a", "/* a", "'", "'\\", "\"\\", "// é", "é'é'"] {
            texts(source);
        }
    }

    #[test]
    fn a_string_of_one_word_is_a_key() {
        assert!(texts("\"licence\"")[0].is_key());
        assert!(texts("\", beside \"")[0].is_key());
        assert!(!texts("\"a licence\"")[0].is_key());
        assert!(!texts("// licence")[0].is_key());
    }
}
