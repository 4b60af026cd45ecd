//! Checks the language of comments, messages and documents, and the width of comments.
//!
//! The patterns are data: `language.txt`. Code in backticks and fenced code blocks are not checked,
//! nor are strings of a single word, which are keys more often than text.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::source::{Kind, Text, texts};

/// Files and folders that have not been revised yet.
const NOT_YET: &[&str] = &[];

/// Files that quote the patterns in order to explain or test them.
const QUOTING: &[&str] = &["CONTRIBUTING.md", "xtask/src/tidy/"];

/// Maximum number of columns of a comment; the same as rustfmt's for code.
const MAX_COLUMNS: usize = 100;

/// The rules for language.
pub(super) struct Language(Vec<Rule>);

/// A phrase and its replacement.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// In lowercase, with single spaces.
    phrase: String,
    /// Whether it only matches at the start of a doc comment.
    at_start: bool,
    /// Whether the last word may be longer.
    is_prefix: bool,
    suggestion: String,
}

impl Language {
    /// The rules of `language.txt`.
    ///
    /// # Errors
    /// If a line is neither a rule nor a comment.
    pub(super) fn new() -> Result<Self> {
        let lines = include_str!("language.txt").lines();
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(rule);
        Ok(Self(rules.collect::<Result<_>>()?))
    }

    /// The problems of a Rust or Markdown file, each with its line number. `path` is relative to the
    /// repository's root.
    pub(super) fn problems(&self, path: &Path, text: &str) -> Vec<String> {
        let name = path.to_string_lossy().replace('\\', "/");
        if NOT_YET.iter().chain(QUOTING).any(|exempt| name.starts_with(exempt)) {
            return Vec::new();
        }
        if path.extension().is_some_and(|extension| extension == "md") {
            let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.to_owned()));
            return self.phrases(&Text { kind: Kind::Document, lines: lines.collect() });
        }
        let texts = texts(text);
        let mut problems = wide_comments(text, &texts);
        problems.extend(texts.iter().filter(|text| !text.is_key()).flat_map(|t| self.phrases(t)));
        problems
    }

    /// The phrases of a text that a rule forbids.
    fn phrases(&self, text: &Text) -> Vec<String> {
        let (prose, starts) = prose(text);
        let line_of = |at: usize| {
            let n = starts.partition_point(|(start, _)| *start <= at);
            starts.get(n.saturating_sub(1)).map_or(0, |(_, line)| *line)
        };
        let mut problems = Vec::new();
        for rule in &self.0 {
            for found in rule.matches(&prose, text.kind) {
                let line = line_of(found.start);
                problems.push(format!(
                    "line {line}: \"{}\"; write: {}",
                    &prose[found], rule.suggestion
                ));
            }
        }
        problems
    }
}

impl Rule {
    /// The places of the phrase in a text in lowercase with single spaces.
    fn matches(&self, prose: &str, kind: Kind) -> Vec<Range<usize>> {
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        let places = prose.match_indices(&self.phrase).map(|(at, phrase)| at..at + phrase.len());
        places
            .filter(|place| {
                let before = prose[..place.start].chars().next_back();
                let after = prose[place.end..].chars().next();
                let is_start = kind == Kind::Doc && place.start == 0;
                !before.is_some_and(is_letter)
                    && (self.is_prefix || !after.is_some_and(is_letter))
                    && (!self.at_start || is_start)
            })
            .collect()
    }
}

/// Parses a line `PATTERN => SUGGESTION`.
fn rule(line: &str) -> Result<Rule> {
    let (pattern, suggestion) =
        line.split_once(" => ").with_context(|| format!("{line:?} lacks a suggestion"))?;
    let (at_start, pattern) =
        pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let (is_prefix, phrase) =
        pattern.strip_suffix('*').map_or((false, pattern), |rest| (true, rest));
    ensure!(!phrase.is_empty() && phrase == phrase.to_lowercase(), "{line:?} is not lowercase");
    Ok(Rule { phrase: phrase.to_owned(), at_start, is_prefix, suggestion: suggestion.to_owned() })
}

/// A text in lowercase with single spaces and without code, and the offset at which each of its lines
/// starts.
fn prose(text: &Text) -> (String, Vec<(usize, usize)>) {
    let (mut prose, mut starts) = (String::new(), Vec::new());
    let (mut is_fenced, mut is_code) = (false, false);
    for (number, line) in &text.lines {
        starts.push((prose.len(), *number));
        if text.kind != Kind::String {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
                is_code = false;
                continue;
            }
            if is_fenced {
                continue;
            }
        }
        // An empty line ends a sentence.
        if line.trim().is_empty() && !prose.is_empty() {
            is_code = false;
            prose.push_str("¶ ");
        }
        for word in line.split_whitespace() {
            for c in word.chars() {
                let is_tick = c == '`' && text.kind != Kind::String;
                is_code ^= is_tick;
                if is_tick {
                    prose.push('`');
                } else if !is_code {
                    prose.extend(c.to_lowercase());
                }
            }
            prose.push(' ');
        }
    }
    (prose, starts)
}

/// Comments that are too wide. Tables and links can't be wrapped.
fn wide_comments(source: &str, texts: &[Text]) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut problems = Vec::new();
    for (number, line) in texts.iter().filter(|t| t.kind != Kind::String).flat_map(|t| &t.lines) {
        let n_columns = lines.get(number - 1).map_or(0, |line| line.chars().count());
        let is_table = line.trim_start().starts_with('|');
        if n_columns > MAX_COLUMNS && !is_table && !line.contains("://") {
            problems.push(format!(
                "line {number}: a comment of {n_columns} columns; at most {MAX_COLUMNS} are allowed"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        Language::new().unwrap().problems(Path::new(path), text)
    }

    #[test]
    fn a_phrase_is_found_in_comments_strings_and_documents() {
        let again = "\"anew\"; write: again";
        for text in
            ["//! Drawn anew.\n", "/// Drawn\n/// Anew.\n", "fn f() {} // anew\n", "/* anew */"]
        {
            let found = problems("crates/x/src/a.rs", text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].ends_with(again), "{found:?}");
        }
        let text = "fn f() {\n    say(\"fetch \\\n         it anew\");\n}\n";
        assert_eq!(problems("tests/a.rs", text), [format!("line 3: {again}")]);
        assert_eq!(
            problems("crates/x/README.md", "# X\n\nit anew\n"),
            [format!("line 3: {again}")]
        );
    }

    #[test]
    fn a_phrase_may_go_over_two_lines_of_a_text_but_not_of_two() {
        let broken = "/// It takes so\n/// many steps.\nfn f() {}\n";
        assert_eq!(
            problems("a.rs", broken),
            ["line 1: \"so many\"; write: the name of the number"]
        );
        assert_eq!(problems("a.rs", "/// It is so\n///\n/// many\n"), [""; 0]);
        assert_eq!(problems("a.rs", "/// It is so\nfn f() {}\n/// many\n"), [""; 0]);
    }

    #[test]
    fn only_whole_words_outside_of_code_are_found() {
        for text in [
            "/// Renewed, `anew`, `a\n/// anew`.\n",
            "/// ```\n/// let anew = 1;\n/// ```\n",
            "let anew = serde(alias = \"colour\");\n",
            "/// An anewt.\n",
        ] {
            assert_eq!(problems("a.rs", text), [""; 0], "{text}");
        }
        assert_eq!(problems("a.rs", "/// ```\n/// let x;\n/// ```\n/// anew\n").len(), 1);
    }

    #[test]
    fn some_phrases_are_found_at_the_start_of_a_doc_comment_only() {
        assert_eq!(problems("a.rs", "/// What a window holds.\n").len(), 1);
        assert_eq!(problems("a.rs", "/// Returns what a window holds.\n// What else?\n"), [""; 0]);
        assert_eq!(problems("a.rs", "/// Whatever.\n"), [""; 0]);
    }

    #[test]
    fn british_spellings_are_found_with_their_endings() {
        let found = problems("a.rs", "// Normalised colours\n// of a labelled corpus.\n");
        let expected = [
            "line 1: \"colour\"; write: color",
            "line 2: \"labelled\"; write: labeled",
            "line 1: \"normalis\"; write: normaliz…",
        ];
        assert_eq!(found, expected);
        assert_eq!(problems("a.rs", "// Normalized colors of an optimistic synthesis.\n"), [""; 0]);
    }

    #[test]
    fn comments_have_at_most_100_columns() {
        let comment = |n: usize| format!("    // {}\n", "x".repeat(n - 7));
        assert_eq!(problems("a.rs", &comment(100)), [""; 0]);
        let expected = ["line 1: a comment of 101 columns; at most 100 are allowed"];
        assert_eq!(problems("a.rs", &comment(101)), expected);
        // Columns, not bytes.
        assert_eq!(problems("a.rs", &format!("// {}\n", "é".repeat(97))), [""; 0]);
        let unbreakable = [
            format!("//! | {} |\n", "x".repeat(120)),
            format!("//! <https://{}>\n", "x".repeat(120)),
            format!("let x = \"{}\";\n", "x".repeat(120)),
        ];
        for text in unbreakable {
            assert_eq!(problems("a.rs", &text), [""; 0], "{text}");
        }
    }

    #[test]
    fn exempt_files_are_not_checked() {
        for exempt in NOT_YET.iter().chain(QUOTING) {
            assert_eq!(problems(&format!("{exempt}a.rs"), "// anew\n"), [""; 0]);
        }
    }

    #[test]
    fn a_rule_needs_a_suggestion_and_lowercase() {
        let expected = Rule {
            phrase: "what".to_owned(),
            at_start: true,
            is_prefix: false,
            suggestion: "The …".to_owned(),
        };
        assert_eq!(rule("^what => The …").unwrap(), expected);
        assert!(rule("anew").unwrap_err().to_string().contains("lacks a suggestion"));
        assert!(rule("Anew => again").is_err());
        assert!(rule("^* => again").is_err());
    }
}
