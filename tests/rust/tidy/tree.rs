//! Reads the source tree. Judges nothing.

use std::fs;
use std::path::Path;

/// A text file, by its path from the root, with `/` between.
#[derive(Debug)]
pub(super) struct File {
    pub path: String,
    pub text: String,
}

const FOLDERS: &[&str] = &["src", "python", "tests", "examples", "docs", "benches", "scripts", "deploy"];
const EXTENSIONS: &[&str] =
    &["rs", "py", "pyi", "sql", "md", "toml", "html", "js", "css", "yml", "yaml", "sh", "txt", "json"];

impl File {
    #[cfg(test)]
    pub(super) fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    pub(super) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(super) fn is_python(&self) -> bool {
        self.has_extension("py")
    }

    /// Numbered lines, those that are comments as a whole left out.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let mark = if self.is_rust() { "//" } else { "#" };
        self.lines().filter(move |(_, line)| !line.trim_start().starts_with(mark))
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    pub(super) fn finding(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// Every text file of the project, sorted by path.
pub(super) fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    read_folder(root, root, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the project is readable") {
        let path = entry.expect("an entry of a folder is readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let hidden = name.starts_with('.') || ["__pycache__", "node_modules", "target"].contains(&name);
        let wanted = folder != root || FOLDERS.contains(&name);
        if path.is_dir() && wanted && !hidden {
            read_folder(root, &path, files);
        } else if path.is_file() && is_text(&path) {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let inner = path.strip_prefix(root).expect("found below the root");
            files.push(File { path: inner.to_string_lossy().replace('\\', "/"), text });
        }
    }
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) || path.ends_with("Makefile")
}
