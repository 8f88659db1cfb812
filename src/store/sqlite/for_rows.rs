//! Runs one statement for many rows: its names are looked up once, its values bound by place.
//! Groups nothing and forgives nothing; each row's answer is the caller's to judge.

use rusqlite::{CachedStatement, Connection, ToSql};

pub(super) struct ForRows<'c, const N: usize> {
    statement: CachedStatement<'c>,
    places: [usize; N],
}

impl<'c, const N: usize> ForRows<'c, N> {
    /// `names` are all that the statement has: what is not bound again would keep the last row's value.
    pub fn prepare(conn: &'c Connection, sql: &str, names: [&str; N]) -> rusqlite::Result<Self> {
        let statement = conn.prepare_cached(sql)?;
        assert_eq!(statement.parameter_count(), N, "every parameter of the statement is bound for every row");
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            let known = statement.parameter_index(name)?;
            *place = known.ok_or_else(|| rusqlite::Error::InvalidParameterName(name.to_owned()))?;
        }
        Ok(Self { statement, places })
    }

    /// Runs it with these values, in the order of the names; says how many rows it changed.
    pub fn run(&mut self, values: [&dyn ToSql; N]) -> rusqlite::Result<usize> {
        for (place, value) in self.places.iter().zip(values) {
            self.statement.raw_bind_parameter(*place, value)?;
        }
        self.statement.raw_execute()
    }
}
