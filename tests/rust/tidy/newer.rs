//! Postgres 13 is promised: SQL that came later is found by its words. Knows words, not grammar; what a
//! word list cannot know (a function's new argument, an operator's new type) shows on Debian's Postgres only.

use super::tree::File;

/// Which release brought what, by the words it is written with. `…` stands for anything within the statement,
/// `(` tells a function from a column of that name.
const BROUGHT: &[(u32, &[&str])] = &[
    (
        14,
        &[
            "date_bin (",
            "unistr (",
            "string_to_table (",
            "trim_array (",
            "bit_count (",
            "bit_xor (",
            "range_agg (",
            "range_intersect_agg (",
            "multirange (",
            "int4multirange",
            "int8multirange",
            "nummultirange",
            "datemultirange",
            "tsmultirange",
            "tstzmultirange",
            "search depth first",
            "search breadth first",
            "cycle",
            "group by distinct",
            "group by all",
            "begin atomic",
            "or replace trigger",
            "compression",
            "detach partition … concurrently",
            "waitstart",
            "query_id",
            "pg_stat_wal",
            "pg_stat_progress_copy",
            "pg_stat_replication_slots",
            "pg_backend_memory_contexts",
            "set_config ( 'idle_session_timeout'",
            "set_config ( 'client_connection_check_interval'",
        ],
    ),
    (
        15,
        &[
            "merge into",
            "nulls not distinct",
            "nulls distinct",
            "security_invoker",
            "regexp_count (",
            "regexp_instr (",
            "regexp_like (",
            "regexp_substr (",
            "on delete set null (",
            "on delete set default (",
            "unlogged sequence",
            "on parameter",
            "set access method",
            "pg_stat_subscription_stats",
            "pg_stat_recovery_prefetch",
        ],
    ),
    (
        16,
        &[
            "any_value (",
            "is json",
            "is not json",
            "json_array (",
            "json_arrayagg (",
            "json_object (",
            "json_objectagg (",
            "array_shuffle (",
            "array_sample (",
            "random_normal (",
            "date_add (",
            "date_subtract (",
            "erf (",
            "erfc (",
            "pg_input_is_valid (",
            "pg_input_error_info (",
            "system_user",
            "with inherit",
            "last_seq_scan",
            "last_idx_scan",
            "n_tup_newpage_upd",
            "pg_stat_io",
        ],
    ),
    (
        17,
        &[
            "json (",
            "json_scalar (",
            "json_serialize (",
            "json_table (",
            "json_exists (",
            "json_query (",
            "json_value (",
            "merge_action (",
            "matched by source",
            "matched by target",
            "to_bin (",
            "to_oct (",
            "random ( -",
            "uuid_extract_timestamp (",
            "uuid_extract_version (",
            "xmltext (",
            "unicode_assigned (",
            "to_regtypemod (",
            "pg_basetype (",
            "at local",
            "on_error",
            "set expression",
            "grant … maintain",
            "pg_maintain",
            "pg_wait_events",
            "pg_stat_checkpointer",
            "set_config ( 'transaction_timeout'",
        ],
    ),
    (
        18,
        &[
            "uuidv4 (",
            "uuidv7 (",
            "virtual",
            "returning … old .",
            "returning … new .",
            "returning with (",
            "without overlaps",
            "enforced",
            "not null … not valid",
            "casefold (",
            "array_sort (",
            "array_reverse (",
            "gamma (",
            "lgamma (",
            "crc32 (",
            "crc32c (",
            "pg_get_acl (",
            "pg_aios",
        ],
    ),
];

/// What may follow a query in `from ( … )` that has no name of its own.
const AFTER_NAMELESS: &[&str] =
    &["where", "group", "order", "limit", "for", "join", "left", "cross", "inner", "on", "union", ")", ",", ";"];

pub(super) fn than_postgres_13(file: &File) -> Vec<String> {
    let ours = ["src/store/postgres/sql/", "src/store/postgres/migrations/"];
    if !file.has_extension("sql") || !ours.iter().any(|folder| file.path.starts_with(folder)) {
        return vec![];
    }
    let tokens = tokens(&file.text);
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let words: Vec<&str> = tokens[at..].iter().map(|(_, word)| word.as_str()).collect();
        for (release, spellings) in BROUGHT {
            for spelling in spellings.iter().filter(|spelling| begins(&words, spelling)) {
                found.push(file.finding(*line, format!("`{spelling}` came with Postgres {release}; 13 is promised")));
            }
        }
        if begins(&words, "[ '") && (at == 0 || tokens[at - 1].1 != "array") {
            found.push(file.finding(*line, "a subscript of jsonb came with Postgres 14; 13 is promised"));
        }
        if is_new_number(token) {
            found.push(file.finding(*line, format!("{token}: such numbers came with Postgres 16; 13 is promised")));
        }
        if (at == 0 || tokens[at - 1].1 != "distinct") && is_nameless_query(&words) {
            found.push(file.finding(*line, "a query in `from` without a name came with Postgres 16; 13 is promised"));
        }
    }
    found
}

/// Whether these words begin as the spelling says.
fn begins(words: &[&str], spelling: &str) -> bool {
    let (mut at, mut skips) = (0, false);
    for part in spelling.split(' ') {
        if part == "…" {
            skips = true;
            continue;
        }
        let reach =
            if skips { words[at.min(words.len())..].iter().take_while(|word| **word != ";").count() } else { 1 };
        match (at..words.len().min(at + reach)).find(|n| is_spelt(words[*n], part)) {
            Some(n) => (at, skips) = (n + 1, false),
            None => return false,
        }
    }
    true
}

/// `'` is any literal, `-` whatever is no closing bracket; else the word itself.
fn is_spelt(word: &str, part: &str) -> bool {
    match part {
        "'" => word.starts_with('\''),
        "-" => word != ")",
        _ => word == part,
    }
}

/// `0xff`, `1_000`.
fn is_new_number(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_digit())
        && token.contains(|c: char| c == '_' || c.is_alphabetic() && c != 'e')
}

/// `from (select …)` and then no name.
fn is_nameless_query(words: &[&str]) -> bool {
    let [from, "(", query, ..] = words else { return false };
    if !["from", "join", "lateral"].contains(from) || !["select", "values", "with"].contains(query) {
        return false;
    }
    let mut depth = 0;
    let end = words[1..].iter().position(|word| {
        depth += i32::from(*word == "(") - i32::from(*word == ")");
        depth == 0
    });
    let next = end.and_then(|end| words.get(end + 2));
    next.is_none_or(|word| AFTER_NAMELESS.contains(word))
}

/// Lower-case words, literals and single signs, each with its line; comments left out.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '-' if rest.starts_with("--") => break,
                '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
                c if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
                c => c.len_utf8(),
            };
            let (token, after) = rest.split_at(length);
            if !token.trim().is_empty() && !token.starts_with("/*") {
                found.push((n + 1, token.to_lowercase()));
            }
            rest = after;
        }
    }
    found
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
