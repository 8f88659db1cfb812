//! Decides which part of a URL may be shown. Errs on the side of hiding: a URL that is damaged, or
//! none at all, must not betray its password in the very message that says so.

/// What stands for whatever is hidden.
pub const HIDDEN: &str = "***";

/// Words that mark a parameter whose value is hidden.
const SECRET_WORDS: &[&str] = &["pass", "pwd", "secret", "token", "key", "credential"];

/// The URL without its password and secret parameters.
pub fn redact(url: &str) -> String {
    hide_parameters(&hide_password(url))
}

/// Hides from the first colon of the user part to the *last* `@`, so that a password with an
/// unescaped `/`, `?` or `@` is hidden whole.
fn hide_password(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let Some(end) = url[start..].rfind('@').map(|at| start + at) else { return url.to_owned() };
    match url[start..end].find(':').map(|at| start + at) {
        Some(colon) => format!("{}:{HIDDEN}{}", &url[..colon], &url[end..]),
        None => url.to_owned(),
    }
}

/// Hides the value of every `name=value` whose name has a word of [`SECRET_WORDS`].
fn hide_parameters(url: &str) -> String {
    let ends = |c: char| matches!(c, '?' | '&' | ';' | ' ');
    let parts = url.split_inclusive(ends).map(|part| {
        let (body, end) = part.strip_suffix(ends).map_or((part, ""), |body| (body, &part[body.len()..]));
        match body.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}{end}"),
            Some(_) | None => part.to_owned(),
        }
    });
    parts.collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}
