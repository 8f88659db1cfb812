//! Sizes, openings, and what code and tests refrain from.

use super::tree::File;

/// Source files beyond `max` lines; tests are told to split by theme, not by size.
pub(super) fn long_file(file: &File, max: usize, allowed: &[(&str, &str)]) -> Vec<String> {
    let watched =
        file.is_rust() && file.path.starts_with("src/") || file.is_python() && file.path.starts_with("python/fleet_q/");
    let lines = file.text.lines().count();
    if !watched || lines <= max || allowed.iter().any(|(path, _)| *path == file.path) {
        return vec![];
    }
    vec![file.finding(max + 1, format!("{lines} lines, at most {max}: split it by what it decides"))]
}

/// Functions in src whose body has more than `max` lines of code.
pub(super) fn long_functions(file: &File, max: usize, allowed: &[(&str, &str)]) -> Vec<String> {
    if !file.is_rust() || !file.path.starts_with("src/") {
        return vec![];
    }
    let mut findings = Vec::new();
    let lines: Vec<&str> = file.text.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let code = body(&lines[n..], indent(line)).filter(|line| is_code(line)).count();
        let spelled = format!("{}::{name}", file.path);
        if code > max && !allowed.iter().any(|(function, _)| *function == spelled) {
            findings.push(file.finding(n + 1, format!("{spelled} has {code} lines, at most {max}")));
        }
    }
    findings
}

/// Rust files without `//!`, Python files without a docstring.
pub(super) fn header(file: &File) -> Vec<String> {
    let first = file.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!")).unwrap_or_default();
    let says = if file.is_rust() {
        first.starts_with("//! ")
    } else if file.is_python() {
        ["\"\"\"", "r\"\"\""].iter().any(|quote| first.starts_with(quote))
    } else {
        true
    };
    if says { vec![] } else { vec![file.finding(1, "the file does not open with what it owns (//! or a docstring)")] }
}

pub(super) fn unwraps(file: &File) -> Vec<String> {
    let watched = file.is_rust() && file.path.starts_with("src/");
    find(file, watched, &[".unwrap()"], "say why it cannot fail: expect(\"proof\")")
}

/// Real waiting in tests. A line that has to may give its reason behind `# real time:`.
pub(super) fn sleeps(file: &File) -> Vec<String> {
    let watched = file.path.starts_with("tests/") && !file.path.starts_with("tests/rust/tidy/");
    let sleeps = if file.is_rust() { "thread::sleep" } else { "time.sleep(" };
    let excused = |finding: &String| {
        let line = finding.split(':').nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        file.text.lines().nth(line.saturating_sub(1)).is_some_and(|line| line.contains("# real time: "))
    };
    let watched = watched && (file.is_rust() || file.is_python());
    let mut findings = find(file, watched, &[sleeps], "await an event or move the clock; else `# real time: reason`");
    findings.retain(|finding| !excused(finding));
    findings
}

pub(super) fn ignored(file: &File) -> Vec<String> {
    let watched = file.is_rust() && !file.path.starts_with("tests/rust/tidy/");
    find(file, watched, &["#[ignore"], "no test is skipped")
}

fn find(file: &File, watched: bool, texts: &[&str], what: &str) -> Vec<String> {
    if !watched {
        return vec![];
    }
    let hits = file.code().filter(|(_, line)| texts.iter().any(|text| line.contains(text)));
    hits.map(|(n, _)| file.finding(n, what)).collect()
}

fn function_name(line: &str) -> Option<&str> {
    let qualifiers = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe ", "extern \"C\" "];
    let mut rest = line.trim_start();
    while let Some(shorter) = qualifiers.iter().find_map(|qualifier| rest.strip_prefix(qualifier)) {
        rest = shorter;
    }
    let name = rest.strip_prefix("fn ")?;
    Some(&name[..name.find(['(', '<'])?])
}

/// The lines between a function's opening and closing brace. rustfmt puts the closing one at the
/// indentation of the `fn`; a signature without a body, or a body on one line, has none.
fn body<'a>(lines: &'a [&'a str], indent_of_fn: usize) -> impl Iterator<Item = &'a str> {
    let opening = lines.iter().position(|line| line.ends_with('{') || line.ends_with(';') || line.ends_with('}'));
    let from = opening.filter(|at| lines[*at].ends_with('{')).map_or(lines.len(), |at| at + 1);
    let closes = move |line: &&&str| indent(line) != indent_of_fn || !line.trim_start().starts_with('}');
    lines[from..].iter().take_while(closes).copied()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_code(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with("//")
}
