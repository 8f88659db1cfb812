//! Reads the statements of `sql/` once per store: puts the schema into its slots, and for each call
//! the driver's `$n` for `:name` and digits for `:name_literal`. Knows no statement's meaning.

use tokio_postgres::types::{ToSql, Type};

use super::values::Value;

/// A statement with its slots.
#[derive(Debug)]
pub(super) struct Statement(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Parameter(String),
    Number(String),
}

/// A statement and the values of one call.
pub(super) struct Call<'a> {
    statement: &'a Statement,
    values: Vec<(&'static str, Box<dyn ToSql + Sync + Send + 'a>, Type)>,
    numbers: Vec<(&'static str, i64)>,
}

/// What travels: text with `$n`, and the values in that order.
pub(super) type Spelled<'c> = (String, Vec<(&'c (dyn ToSql + Sync), Type)>);

impl Statement {
    pub fn read(text: &str, schema: Option<&str>) -> Self {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        Self(parts(&schematized(&lines.join("\n"), schema)))
    }

    pub fn call(&self, now: Option<i64>) -> Call<'_> {
        Call { statement: self, values: Vec::new(), numbers: Vec::new() }.with("now", now)
    }
}

impl<'a> Call<'a> {
    pub fn with(mut self, name: &'static str, value: impl Value + 'a) -> Self {
        let kind = value.kind();
        self.values.push((name, Box::new(value), kind));
        self
    }

    /// A number that is part of the text, so that the planner knows it.
    pub fn number(mut self, name: &'static str, value: i64) -> Self {
        self.numbers.push((name, value));
        self
    }

    pub fn spelled(&self) -> Spelled<'_> {
        let mut text = String::new();
        let mut used: Vec<&str> = Vec::new();
        for part in &self.statement.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Number(name) => text.push_str(&self.number_of(name).to_string()),
                Part::Parameter(name) => {
                    let place = used.iter().position(|known| known == name).unwrap_or_else(|| {
                        used.push(name);
                        used.len() - 1
                    });
                    text.push('$');
                    text.push_str(&(place + 1).to_string());
                }
            }
        }
        (text, used.into_iter().map(|name| self.value_of(name)).collect())
    }

    fn number_of(&self, name: &str) -> i64 {
        let found = self.numbers.iter().find(|(own, _)| *own == name);
        found.unwrap_or_else(|| panic!("the call gives no number :{name}")).1
    }

    fn value_of(&self, name: &str) -> (&(dyn ToSql + Sync), Type) {
        let found = self.values.iter().find(|(own, ..)| *own == name);
        let (_, value, kind) = found.unwrap_or_else(|| panic!("the call gives no value :{name}"));
        (&**value as &(dyn ToSql + Sync), kind.clone())
    }
}

/// A statement with the schema in its slots.
pub(super) fn schematized(text: &str, schema: Option<&str>) -> String {
    text.replace("/*schema*/", &prefix(schema))
}

/// What stands before the name of a table.
pub(super) fn prefix(schema: Option<&str>) -> String {
    schema.map(|schema| format!("{}.", quoted(schema))).unwrap_or_default()
}

/// An identifier as Postgres quotes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = next_name(rest) {
        let (plain, named) = rest.split_at(at);
        let end = named[1..].find(|c: char| !is_word(c)).map_or(named.len(), |end| end + 1);
        let name = named[1..end].to_owned();
        parts.push(Part::Text(plain.to_owned()));
        parts.push(if name.ends_with("_literal") { Part::Number(name) } else { Part::Parameter(name) });
        rest = &named[end..];
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

/// Where the next `:name` begins; neither `::` nor a colon before anything but a letter counts.
fn next_name(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&at| {
        bytes[at] == b':' && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase) && (at == 0 || bytes[at - 1] != b':')
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

macro_rules! statements {
    ($($name:ident),+ $(,)?) => {
        /// Every statement of the store.
        #[derive(Debug)]
        pub(super) struct Statements {
            $(pub $name: Statement,)+
            /// `enqueue` and `hand_off` for steps that nobody rivals: 50 bytes of log a step less, for nothing has to
            /// be confirmed. A rival is an error (23505).
            pub enqueue_alone: Statement,
            pub hand_off_alone: Statement,
        }

        impl Statements {
            pub fn read(schema: Option<&str>) -> Self {
                let alone = |text: &str| Statement::read(&text.replace("on conflict do nothing\n", ""), schema);
                Self {
                    $($name: Statement::read(include_str!(concat!("sql/", stringify!($name), ".sql")), schema),)+
                    enqueue_alone: alone(include_str!("sql/enqueue.sql")),
                    hand_off_alone: alone(include_str!("sql/hand_off.sql")),
                }
            }
        }
    };
}

statements!(
    begin,
    begin_work,
    begin_by_key,
    begin_lazily,
    begin_look,
    impatience,
    migrate_limits,
    migrate_lock,
    home,
    line,
    durability,
    version,
    schema_exists,
    now,
    clock,
    notify,
    channel,
    enqueue,
    enqueue_one,
    gate,
    hand_off,
    hand_off_one,
    exists,
    holders,
    finish,
    unrecorded,
    standing,
    release,
    progress,
    promote,
    claim,
    claim_in_queues,
    claim_suspect,
    next_due,
    fronts,
    mine,
    cancel_requested,
    cancel,
    request_cancel,
    replay,
    get,
    search,
    failures,
    purge,
    stats,
    paused,
    pause,
    resume,
    register,
    beat,
    living_pods,
    pods,
    retire,
    suspect_waits,
    clamp_beats,
    mark_dead,
    recover,
    prune,
    prune_pods,
    backend,
    examine_server,
    examine_tables,
    examine_indexes,
    examine_rights,
    examine_grants,
    examine_settings,
    examine_rooms,
    examine_sizes,
    examine_sessions,
    examine_hidden,
    examine_prepared,
    examine_slots,
    examine_standbys,
    examine_orphans,
    examine_waiting,
    examine_held,
);
