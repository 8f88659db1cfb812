//! Words that must not appear, as data. This file and the snippets beside it are exempt.

use super::tree::File;

/// How a word is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// As it stands here.
    Exact,
    Any,
}

/// The word, how it is matched, and what to do instead.
const BANNED: &[(&str, Case, &str)] = &[
    ("todo!", Case::Exact, "finish it"),
    ("unimplemented!", Case::Exact, "finish it"),
    ("raise NotImplementedError", Case::Exact, "finish it, or refuse with a typed error"),
    ("FIXME", Case::Exact, "mend it"),
    ("TODO", Case::Exact, "do it, or open an issue"),
    ("XXX", Case::Exact, "say what is wrong"),
    ("HACK", Case::Exact, "say why it is so"),
    ("simply", Case::Any, "leave it out: it helps nobody who is stuck"),
    ("obviously", Case::Any, "leave it out: it helps nobody who is stuck"),
    ("blazing", Case::Any, "give a number, its machine and its command"),
    ("blazingly", Case::Any, "give a number, its machine and its command"),
    ("seamless", Case::Any, "say what happens at the seam"),
    ("seamlessly", Case::Any, "say what happens at the seam"),
    ("/root/", Case::Exact, "no machine's paths"),
    ("/work/", Case::Exact, "no machine's paths"),
    ("/Users/", Case::Exact, "no machine's paths"),
    ("claude", Case::Any, "tools are not named"),
    ("anthropic", Case::Any, "tools are not named"),
    ("chatgpt", Case::Any, "tools are not named"),
    ("copilot", Case::Any, "tools are not named"),
];

pub(super) fn banned(file: &File) -> Vec<String> {
    if file.path == "tests/rust/tidy.rs" || file.path.starts_with("tests/rust/tidy/") {
        return vec![];
    }
    let mut findings = Vec::new();
    for (n, line) in file.lines() {
        let lower = line.to_ascii_lowercase();
        for (word, case, instead) in BANNED {
            let line = if *case == Case::Any { lower.as_str() } else { line };
            if has_word(line, word) {
                findings.push(file.finding(n, format!("{word:?} is forbidden: {instead}")));
            }
        }
    }
    findings
}

/// Whether the word stands alone: `network/` is no `/work/`, `XXXL` no `XXX`, and a folder `work`
/// somewhere inside a path is no machine's path.
fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let ends_open = word.ends_with(joins);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let path_goes_on = word.starts_with('/') && before.is_some_and(|c| matches!(c, '.' | '-' | '}' | '/'));
        let word_goes_on = ends_open && after.is_some_and(joins);
        !(before.is_some_and(joins) || path_goes_on || word_goes_on)
    })
}
