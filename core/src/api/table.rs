//! What an operation is, and the macro that turns the table of [`operations`](super::operations)
//! into code.
//!
//! **One row, every face.** A row gives an operation its name, documentation, arguments, result,
//! access, effect and errors. From it come the typed method of a Rust host, the JSON call that all
//! bindings use ([`Sdk::call`](crate::Sdk::call)), the description from which bindings and pages
//! are generated, and the access check. What is left to write is the handler; without one the row
//! does not compile.

use serde::Serialize;

use crate::error::Code;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Any user of the firm, for their own firm.
    Member,
    /// A firm admin, for their own firm.
    Admin,
    /// The service that embeds the SDK, never a user: for any firm.
    Host,
}

/// What an operation does to the database and to Clio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It reads the database only.
    Reads,
    /// It changes the database.
    Writes,
    /// It calls Clio, and changes the database.
    CallsClio,
}

/// An operation, as its row declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its stable name, in snake case.
    pub name: &'static str,
    /// The group of its method: `matters` in `sdk.firm(&actor).matters()`; `host` for the host's
    /// own.
    pub group: &'static str,
    /// Its method within the group.
    pub method: &'static str,
    /// What it does.
    pub docs: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it changes.
    pub effect: Effect,
    /// Its arguments, in order.
    pub arguments: &'static [Argument],
    /// The errors that are its own, beside those that every operation can end with.
    pub errors: &'static [Code],
}

/// What lets a caller through to an operation, apart from what describes it: a module that never
/// asks for the table does not carry its documentation.
#[derive(Clone, Copy)]
pub(super) struct Gate {
    pub(super) name: &'static str,
    pub(super) access: Access,
    pub(super) effect: Effect,
}

impl Operation {
    pub(super) const fn gate(&self) -> Gate {
        Gate { name: self.name, access: self.access, effect: self.effect }
    }
}

/// An argument of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Its name in JSON and in every language.
    pub name: &'static str,
    /// What it means.
    pub docs: &'static str,
}

/// Takes the table; see [`operations`](super::operations) for how a row reads.
macro_rules! operations {
    ($(
        $(#[doc = $group_docs:literal])+
        $scope:ident $group:ident: $Handle:ident {
            $(
                $(#[doc = $docs:literal])+
                $name:ident as $method:ident(
                    $( $(#[doc = $argument_docs:literal])+ $argument:ident $(= $Exact:ident)? $(: $Argument:ty)? ),* $(,)?
                ) -> $Output:ty,
                access: $access:ident, effect: $effect:ident, errors: [$($error:ident),* $(,)?];
            )+
        }
    )+) => {
        /// Every operation, in the order of the table.
        #[must_use]
        pub fn operations() -> &'static [Operation] {
            const TABLE: &[Operation] = &[$($( declared::$name ),+),+];
            TABLE
        }

        /// Each row as a constant of its name.
        mod declared {
            #![allow(non_upper_case_globals, reason = "named as the operations are")]
            use super::{Access, Argument, Code, Effect, Operation};
            $($(
                pub(super) const $name: Operation = Operation {
                    name: stringify!($name),
                    group: stringify!($group),
                    method: stringify!($method),
                    docs: concat!($($docs, "\n"),+),
                    access: Access::$access,
                    effect: Effect::$effect,
                    arguments: &[$( Argument {
                        name: stringify!($argument),
                        docs: concat!($($argument_docs, "\n"),+),
                    } ),*],
                    errors: &[$( Code::$error ),*],
                };
            )+)+
        }

        $(
            operations!(@handle $scope $Handle { $(#[doc = $group_docs])+ });

            impl $Handle<'_> {
                $(
                    $(#[doc = $docs])+
                    #[doc = ""]
                    #[doc = concat!("Access: ", stringify!($access), ".")]
                    #[doc = ""]
                    #[doc = "# Errors"]
                    #[doc = concat!($("[`", stringify!($error), "`](Code::", stringify!($error), "), ",)*
                        "and those that [every operation](super::Sdk::call) can end with.")]
                    pub async fn $method(self $(, $argument: $($Exact)? $(impl Into<$Argument>)?)*) -> Result<$Output> {
                        $( $(let $argument: $Argument = $argument.into();)? )*
                        operations!(@run self, $scope, $group::$name($($argument),*))
                    }
                )+
            }
        )+

        /// Runs an operation with its arguments in JSON. Gives its result in JSON.
        pub(super) async fn call(sdk: &Sdk, caller: Caller<'_>, name: &str, arguments: &[u8]) -> Result<String> {
            // A box for each row, and one place where all are awaited: inlined into one future, the
            // rows would be half as large again.
            let work: BoxFuture<'_, Result<String>> = match name {
                $($(
                    stringify!($name) => {
                        #[derive(serde::Deserialize)]
                        #[serde(deny_unknown_fields)]
                        struct Arguments { $( $argument: $($Exact)? $($Argument)? ),* }
                        let handle = operations!(@of $scope $Handle, sdk, caller, const { declared::$name.gate() });
                        let Arguments { $( $argument ),* } = read(arguments)?;
                        Box::pin(async move { encode(&handle.$method($($argument),*).await?) })
                    }
                )+)+
                _ => return Err(Error::new(Code::RequestInvalid).with("argument", "operation").with("reason", "unknown")),
            };
            work.await
        }

        /// The schemas of all arguments and results, for the generators of bindings.
        #[cfg(feature = "schema")]
        pub(super) fn schemas(arguments: &mut schemars::SchemaGenerator, results: &mut schemars::SchemaGenerator)
            -> Vec<super::schema::Shapes>
        {
            vec![$($({
                #[derive(schemars::JsonSchema)]
                #[serde(deny_unknown_fields)]
                #[allow(dead_code, reason = "only its schema is wanted")]
                struct Arguments { $( $argument: $($Exact)? $($Argument)? ),* }
                super::schema::Shapes::new::<Arguments, $Output>(&declared::$name, arguments, results)
            }),+),+]
        }
    };
    (@handle firm $Handle:ident { $(#[doc = $docs:literal])+ }) => {
        $(#[doc = $docs])+
        #[derive(Clone, Copy, Debug)]
        pub struct $Handle<'a> { pub(super) sdk: &'a Sdk, pub(super) actor: &'a Actor }
    };
    (@handle host $Handle:ident { $(#[doc = $docs:literal])+ }) => {
        $(#[doc = $docs])+
        #[derive(Clone, Copy, Debug)]
        pub struct $Handle<'a> { pub(super) sdk: &'a Sdk }
    };
    (@run $self:ident, firm, $group:ident::$name:ident($($argument:expr),*)) => {
        $self.sdk.execute(const { declared::$name.gate() }, $self.actor,
            Box::pin(super::$group::$name($self.sdk, $self.actor $(, $argument)*))).await
    };
    (@run $self:ident, host, $group:ident::$name:ident($($argument:expr),*)) => {
        $self.sdk.execute_for_host(const { declared::$name.gate() }, Box::pin(super::$group::$name($self.sdk $(, $argument)*))).await
    };
    (@of firm $Handle:ident, $sdk:ident, $caller:ident, $operation:expr) => {
        $Handle { sdk: $sdk, actor: $caller.actor($operation)? }
    };
    (@of host $Handle:ident, $sdk:ident, $caller:ident, $operation:expr) => {{
        $caller.require_host($sdk, $operation).await?;
        $Handle { sdk: $sdk }
    }};
}

pub(super) use operations;
