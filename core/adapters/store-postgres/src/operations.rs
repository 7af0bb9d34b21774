//! The methods of the port as SQL. The statements are files in `sql/`, so that stores in
//! other languages run the same ones.
//!
//! All are sent by `query_typed`, which names no statement: behind a pooler a named one runs
//! another client's, without an error.

use casehug_clio::ports::{BoxFuture, Commit, Expect, Key, Order, Record, Scan, Version, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::Failure;
use crate::pool::Operation;

const GET: &str = include_str!("../sql/get.sql");
const GET_MANY: &str = include_str!("../sql/get_many.sql");
const SCAN_ASCENDING: &str = include_str!("../sql/scan_ascending.sql");
const SCAN_DESCENDING: &str = include_str!("../sql/scan_descending.sql");
const DUE_OF_ALL: &str = include_str!("../sql/due_of_all.sql");
const DUE_OF_FIRM: &str = include_str!("../sql/due_of_firm.sql");
const COMMIT: &str = include_str!("../sql/commit.sql");

pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// One record.
pub(crate) struct Get(pub Key);

impl Operation for Get {
    type Answer = Option<Record>;

    fn may_repeat(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        let Key { firm, collection, id } = &self.0;
        Box::pin(async move {
            let parameters = [(&firm.as_str() as _, Type::TEXT), (collection as _, Type::TEXT), (id as _, Type::TEXT)];
            Ok(records(client, GET, &parameters, collection).await?.pop())
        })
    }
}

/// The records of several keys, in one statement.
pub(crate) struct GetMany(pub Vec<Key>);

impl Operation for GetMany {
    type Answer = Vec<Option<Record>>;

    fn may_repeat(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        Box::pin(async move {
            let column = |of: fn(&Key) -> &str| self.0.iter().map(of).collect::<Vec<_>>();
            let (firms, collections, ids) =
                (column(|key| key.firm.as_str()), column(|key| key.collection), column(|key| &key.id));
            let parameters: [Parameter<'_>; 3] =
                [(&firms, Type::TEXT_ARRAY), (&collections, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)];
            let mut found = vec![None; self.0.len()];
            for row in client.query_typed(GET_MANY, &parameters).await? {
                let place = self::column::<i64>(&row, "place")?;
                let place = usize::try_from(place - 1).map_err(|_| odd_row())?;
                let (key, found) = self.0.get(place).zip(found.get_mut(place)).ok_or_else(odd_row)?;
                *found = Some(record(&row, key.collection)?);
            }
            Ok(found)
        })
    }
}

/// Records of one collection.
pub(crate) struct Find(pub Scan);

impl Operation for Find {
    type Answer = Vec<Record>;

    fn may_repeat(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        Box::pin(async move {
            match &self.0 {
                Scan::Ids { firm, collection, from, until, order, limit } => {
                    let sql = match order {
                        Order::Ascending => SCAN_ASCENDING,
                        Order::Descending => SCAN_DESCENDING,
                    };
                    let (firm, limit) = (firm.as_str(), sql_limit(*limit));
                    let parameters: [Parameter<'_>; 5] = [
                        (&firm, Type::TEXT),
                        (collection, Type::TEXT),
                        (from, Type::TEXT),
                        (until, Type::TEXT),
                        (&limit, Type::INT8),
                    ];
                    records(client, sql, &parameters, collection).await
                }
                Scan::Due { firm: None, collection, limit } => {
                    let limit = sql_limit(*limit);
                    let parameters: [Parameter<'_>; 2] = [(collection, Type::TEXT), (&limit, Type::INT8)];
                    records(client, DUE_OF_ALL, &parameters, collection).await
                }
                Scan::Due { firm: Some(firm), collection, limit } => {
                    let (firm, limit) = (firm.as_str(), sql_limit(*limit));
                    let parameters: [Parameter<'_>; 3] =
                        [(collection, Type::TEXT), (&firm, Type::TEXT), (&limit, Type::INT8)];
                    records(client, DUE_OF_FIRM, &parameters, collection).await
                }
            }
        })
    }
}

/// All writes of a commit, as the columns that the function takes.
#[derive(Default)]
pub(crate) struct CommitAll {
    firms: Vec<String>,
    collections: Vec<&'static str>,
    ids: Vec<String>,
    kinds: Vec<&'static str>,
    expected: Vec<Option<String>>,
    versions: Vec<Option<String>>,
    due_in: Vec<Option<i64>>,
    bodies: Vec<Option<String>>,
}

impl CommitAll {
    /// Refuses what no store takes, before anything is sent.
    pub(crate) fn new(writes: &[Write]) -> Result<Self> {
        Write::require_distinct_keys(writes)?;
        let mut commit = Self::default();
        for write in writes {
            let key = write.key();
            commit.firms.push(key.firm.as_str().to_owned());
            commit.collections.push(key.collection);
            commit.ids.push(text(&key.id)?);
            let (kind, expected) = match write {
                Write::Put { expect, .. } => ("put", expected(expect)?),
                Write::Delete { version, .. } => ("delete", Some(text(&version.0)?)),
                Write::Check { expect, .. } => ("check", expected(expect)?),
            };
            commit.kinds.push(kind);
            commit.expected.push(expected);
            let (version, due_in, body) = match write {
                Write::Put { version, due_in, body, .. } => (Some(text(&version.0)?), *due_in, Some(text(body)?)),
                Write::Delete { .. } | Write::Check { .. } => (None, None, None),
            };
            commit.versions.push(version);
            commit.due_in.push(due_in.map(|due_in| i64::try_from(due_in.as_millis()).unwrap_or(LATEST).min(LATEST)));
            commit.bodies.push(body);
        }
        Ok(commit)
    }
}

impl CommitAll {
    /// Whether something is due with it: then others are told.
    pub(crate) fn makes_due(&self) -> bool {
        self.due_in.iter().flatten().any(|due_in| *due_in <= DUE_NOW)
    }
}

/// As good as due, in milliseconds.
const DUE_NOW: i64 = 100;

/// The longest `due_in`, in milliseconds: 100 million years. The sum with the clock must stay a
/// bigint.
const LATEST: i64 = i64::MAX / 4;

impl Operation for CommitAll {
    type Answer = Commit;

    /// It may be done already.
    fn may_repeat(&self) -> bool {
        false
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        Box::pin(async move {
            let parameters: [Parameter<'_>; 8] = [
                (&self.firms, Type::TEXT_ARRAY),
                (&self.collections, Type::TEXT_ARRAY),
                (&self.ids, Type::TEXT_ARRAY),
                (&self.kinds, Type::TEXT_ARRAY),
                (&self.expected, Type::TEXT_ARRAY),
                (&self.versions, Type::TEXT_ARRAY),
                (&self.due_in, Type::INT8_ARRAY),
                (&self.bodies, Type::TEXT_ARRAY),
            ];
            let row = client.query_typed_one(COMMIT, &parameters).await?;
            let at: Option<i64> = row.try_get("at").map_err(|_| odd_row())?;
            Ok(at.map_or(Commit::Conflict, |at| Commit::Done { at: Timestamp(at) }))
        })
    }
}

async fn records(
    client: &Client,
    sql: &str,
    parameters: &[Parameter<'_>],
    collection: &'static str,
) -> Result<Vec<Record>, Failure> {
    let rows = client.query_typed(sql, parameters).await?;
    rows.iter().map(|row| record(row, collection)).collect()
}

fn record(row: &Row, collection: &'static str) -> Result<Record, Failure> {
    let firm = FirmId::new(column::<String>(row, "firm")?)
        .map_err(|error| Failure::Ours(Error::new(Code::StoreCorrupt).with("reason", "firm_id").caused_by(error)))?;
    Ok(Record {
        key: Key { firm, collection, id: column(row, "id")? },
        version: Version(column(row, "version")?),
        due_at: column::<Option<i64>>(row, "due_at")?.map(Timestamp),
        body: column(row, "body")?,
    })
}

pub(crate) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Failure> {
    row.try_get(name).map_err(|_| odd_row())
}

fn odd_row() -> Failure {
    Failure::Ours(Error::new(Code::StoreCorrupt).with("reason", "row_shape"))
}

fn expected(expect: &Expect) -> Result<Option<String>> {
    match expect {
        Expect::Absent => Ok(None),
        Expect::Version(version) => text(&version.0).map(Some),
    }
}

/// PostgreSQL's text holds no NUL, and the port says that none occurs.
fn text(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::new(Code::Internal).with("reason", "nul_in_record"));
    }
    Ok(text.to_owned())
}

/// A limit beyond what SQL can say is no limit.
pub(crate) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
