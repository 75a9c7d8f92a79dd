//! Rows in a table of PostgreSQL, with vectors of pgvector.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use bytes::Bytes;
use postgres::config::Config;
use postgres::error::SqlState;
use postgres::{Client, NoTls, Transaction};

use super::{Store, StoreError};
use crate::bulk::copy::{OWN, TableColumn};
use crate::bulk::error::JobError;
use crate::bulk::manifest::Shape;

/// The table where nobody names another.
const TABLE: &str = "embeddings";

/// The table that says which units are whole, in the schema of the other.
const UNITS: &str = "mbed_units";

/// How long a connection may take, and a packet without an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A table of a PostgreSQL that has pgvector.
#[derive(Clone)]
pub struct PostgresTable {
    config: Config,
    name: String,
    /// The address without a password.
    url: String,
}

impl PostgresTable {
    /// Reads `postgresql://user@host/database`; rows go into `table`, `embeddings` where none is named, with its schema in
    /// front of a dot where that is not the usual one.
    ///
    /// # Errors
    /// It is no such address.
    pub fn parse(url: &str, table: Option<&str>) -> Result<Self, JobError> {
        let shown = without_password(url);
        let config: Result<Config, _> = url.parse();
        let mut config =
            config.map_err(|error| JobError::BadSink { url: shown.clone(), reason: said(&error) })?;
        config.application_name("mbed").connect_timeout(PATIENCE).tcp_user_timeout(PATIENCE);
        Ok(Self { config, name: table.unwrap_or(TABLE).to_owned(), url: shown })
    }

    /// Sets the password where the address has none.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// The name of the table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address without a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The table and the table of units, as SQL names them.
    fn tables(&self) -> (String, String) {
        match self.name.split_once('.') {
            Some((schema, table)) => {
                let schema = quoted(schema);
                (format!("{schema}.{}", quoted(table)), format!("{schema}.{UNITS}"))
            }
            None => (quoted(&self.name), UNITS.to_owned()),
        }
    }
}

impl fmt::Debug for PostgresTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTable")
            .field("url", &self.url)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Keeps units, each in one transaction.
pub(in crate::bulk) struct PostgresStore {
    table: PostgresTable,
    /// What makes the tables where there are none.
    setup: String,
    names: Names,
    client: Option<Client>,
}

/// What statements are made of.
#[derive(Clone)]
struct Names {
    job: String,
    rows: String,
    units: String,
    /// All columns of a row in their order.
    columns: String,
}

impl PostgresStore {
    pub(in crate::bulk) fn new(table: PostgresTable, job: &str, shape: &Shape) -> Self {
        let (rows, units) = table.tables();
        let column = |TableColumn { name, kind }: &TableColumn| format!("{} {}", quoted(name), kind.sql());
        let records: Vec<String> = shape.table.iter().map(column).collect();
        let vector = quoted(&shape.vector_column);
        let [own_job, own_unit, own_row] = OWN;
        let setup = format!(
            "CREATE TABLE IF NOT EXISTS {units} ({own_job} text, {own_unit} bigint, rows bigint NOT NULL, \
             PRIMARY KEY ({own_job}, {own_unit}));
             CREATE TABLE IF NOT EXISTS {rows} ({own_job} text, {own_unit} bigint, {own_row} bigint, \
             {}{vector} vector({}) NOT NULL, PRIMARY KEY ({own_job}, {own_unit}, {own_row}))",
            records.iter().map(|record| format!("{record}, ")).collect::<String>(),
            shape.dimensions,
        );
        let names = OWN.into_iter().map(str::to_owned);
        let names = names.chain(shape.table.iter().map(|column| quoted(&column.name))).chain([vector]);
        let columns = names.collect::<Vec<_>>().join(", ");
        let names = Names { job: job.to_owned(), rows, units, columns };
        Self { table, setup, names, client: None }
    }

    /// Does something in a transaction that no other of this job runs beside: one that a killed process began may still be
    /// at work in the server.
    fn transact<T>(
        &mut self,
        act: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.connect()?,
        };
        let mut transaction = client.transaction().map_err(explain)?;
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        transaction.execute(lock, &[&self.names.job]).map_err(explain)?;
        let done = act(&mut transaction)?;
        transaction.commit().map_err(explain)?;
        // Only a connection on which all went well is used again.
        self.client = Some(client);
        Ok(done)
    }

    fn connect(&self) -> Result<Client, StoreError> {
        let mut client = self.table.config.connect(NoTls).map_err(explain)?;
        let known =
            client.query_opt("SELECT 1 FROM pg_type WHERE typname = 'vector'", &[]).map_err(explain)?;
        if known.is_none() {
            client.batch_execute("CREATE EXTENSION IF NOT EXISTS vector").map_err(explain)?;
        }
        client.batch_execute(&self.setup).map_err(explain)?;
        Ok(client)
    }
}

impl Names {
    /// Removes the units from `first` on.
    fn remove(&self, transaction: &mut Transaction<'_>, first: u64) -> Result<(), StoreError> {
        let [job, unit, _] = OWN;
        for table in [&self.rows, &self.units] {
            let delete = format!("DELETE FROM {table} WHERE {job} = $1 AND {unit} >= $2");
            transaction.execute(&delete, &[&self.job, &number(first)]).map_err(explain)?;
        }
        Ok(())
    }

    fn put(&self, transaction: &mut Transaction<'_>, unit: u64, bytes: &Bytes) -> Result<(), StoreError> {
        self.remove(transaction, unit)?;
        let copy = format!("COPY {} ({}) FROM STDIN BINARY", self.rows, self.columns);
        let mut writer = transaction.copy_in(&copy).map_err(explain)?;
        writer.write_all(bytes).map_err(explain_io)?;
        let count = writer.finish().map_err(explain)?;
        let insert = format!("INSERT INTO {} VALUES ($1, $2, $3)", self.units);
        let inserted = transaction.execute(&insert, &[&self.job, &number(unit), &number(count)]);
        inserted.map(drop).map_err(explain)
    }

    fn get(&self, transaction: &mut Transaction<'_>, unit: u64) -> Result<Bytes, StoreError> {
        let Self { job, rows, units, columns } = self;
        let [own_job, own_unit, own_row] = OWN;
        let whole = format!("SELECT rows FROM {units} WHERE {own_job} = $1 AND {own_unit} = $2");
        if transaction.query_opt(&whole, &[job, &number(unit)]).map_err(explain)?.is_none() {
            return Err(StoreError::Lasting(format!("`{units}` does not know the unit").into()));
        }
        // COPY takes no parameters. A job is named by hexadecimal digits.
        let copy = format!(
            "COPY (SELECT {columns} FROM {rows} WHERE {own_job} = '{job}' AND {own_unit} = {unit} \
             ORDER BY {own_row}) TO STDOUT BINARY"
        );
        let mut bytes = Vec::new();
        transaction.copy_out(&copy).map_err(explain)?.read_to_end(&mut bytes).map_err(explain_io)?;
        Ok(bytes.into())
    }
}

impl Store for PostgresStore {
    fn forget(&mut self, next: u64) -> Result<(), StoreError> {
        let names = self.names.clone();
        self.transact(|transaction| names.remove(transaction, next))
    }

    fn put(&mut self, unit: u64, bytes: &Bytes) -> Result<(), StoreError> {
        let names = self.names.clone();
        self.transact(|transaction| names.put(transaction, unit, bytes))
    }

    fn get(&mut self, unit: u64) -> Result<Bytes, StoreError> {
        let names = self.names.clone();
        self.transact(|transaction| names.get(transaction, unit))
    }

    fn name(&self, unit: u64) -> String {
        format!("unit {unit} in table {} of {}", self.table.name, self.table.url)
    }
}

/// A count as SQL has it.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An address without what should not be seen in it.
fn without_password(url: &str) -> String {
    let (front, query) = url.split_once('?').map_or((url, None), |(front, query)| (front, Some(query)));
    let (scheme, rest) = front.split_once("://").unwrap_or(("", front));
    let rest = match rest.split_once('@') {
        Some((user, host)) => format!("{}@{host}", user.split_once(':').map_or(user, |(user, _)| user)),
        None => rest.to_owned(),
    };
    let kept =
        query.map(|query| query.split('&').filter(|pair| !pair.starts_with("password=")).collect::<Vec<_>>());
    let query = kept
        .filter(|pairs| !pairs.is_empty())
        .map_or_else(String::new, |pairs| format!("?{}", pairs.join("&")));
    format!("{scheme}://{rest}{query}")
}

/// Everything that an error says, without where it is from.
fn said(error: &postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// What may pass: the connection is gone, the server ends, begins or has no room, two transactions met.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn explain(error: postgres::Error) -> StoreError {
    const PASSING: [&str; 5] = ["08", "40", "53", "57P", "58"];
    let Some(state) = error.code() else {
        // Without a word of the server: it could not be reached or went away, or this side refuses to talk to it.
        let is_network = |source: &(dyn std::error::Error + 'static)| source.is::<io::Error>();
        let passes = error.is_closed() || std::error::Error::source(&error).is_some_and(is_network);
        return if passes { StoreError::Passing(error.into()) } else { StoreError::Lasting(error.into()) };
    };
    let met = [&SqlState::UNIQUE_VIOLATION, &SqlState::DUPLICATE_TABLE, &SqlState::DUPLICATE_OBJECT];
    if PASSING.iter().any(|class| state.code().starts_with(class)) || met.contains(&state) {
        return StoreError::Passing(error.into());
    }
    StoreError::Lasting(error.into())
}

fn explain_io(error: io::Error) -> StoreError {
    match error.downcast::<postgres::Error>() {
        Ok(error) => explain(error),
        Err(error) => StoreError::Passing(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let check = |url: &str, shown: &str| {
            let table = PostgresTable::parse(url, Some("a.\"b")).unwrap();
            assert_eq!(table.url(), shown);
            assert!(!format!("{table:?}").contains("secret"));
        };
        check(
            "postgresql://me:secret@host:5433/db?connect_timeout=3",
            "postgresql://me@host:5433/db?connect_timeout=3",
        );
        check("postgres://me@host/db?password=secret", "postgres://me@host/db");
        check("postgresql:///db?host=%2Ftmp", "postgresql:///db?host=%2Ftmp");
        let names = PostgresTable::parse("postgresql://host", Some("a.\"b")).unwrap().tables();
        assert_eq!(names, ("\"a\".\"\"\"b\"".to_owned(), "\"a\".mbed_units".to_owned()));
        assert!(PostgresTable::parse("postgresql://host:port", None).is_err());
    }
}
