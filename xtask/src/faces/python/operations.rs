//! `operations.py`: every group of operations twice, blocking and for asyncio.
//!
//! One argument may be passed by its place, several by their names only: two ids beside each other
//! are exchanged unseen.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::types::{read, reader_name};
use super::{HEAD, argument_shape, docstring, plain_name, prose, python, qualified};
use crate::faces::model::{Api, Operation, Shape, Type};
use crate::faces::node::{class, firm_groups, groups, may_be_left_out};

/// `operations.py`.
pub(crate) fn operations(api: &Api) -> String {
    let mut text = format!(
        "\"\"\"The operations, for blocking programs and for asyncio.\"\"\"\n\n{HEAD}\n\
         from __future__ import annotations\n\nfrom collections import abc\nfrom datetime import datetime\n\n\
         from . import types\nfrom ._call import AsyncCaller, Caller\nfrom ._read import (\n{})\nfrom ._wire import optional\n",
        needed(api),
    );
    for is_async in [false, true] {
        for (group, operations) in groups(api) {
            let (class, caller) = (of_kind(is_async, &class(group)), of_kind(is_async, "Caller"));
            let docs = match group {
                "host" => "What the service that embeds the SDK does itself, for no user. Never let a user's request \
                           choose the arguments unchecked."
                    .to_owned(),
                group => format!("A firm's operations on {}.", group.replace('_', " ")),
            };
            let _ = write!(text, "\n\nclass {class}:\n{}", docstring(&docs, 1));
            let _ = write!(
                text,
                "\n    def __init__(self, caller: {caller}) -> None:\n        \"\"\"Only an SDK makes one.\"\"\"\n        self._call = caller\n"
            );
            for operation in operations {
                text += &method(api, operation, is_async);
            }
        }
        let (firm, caller) = (of_kind(is_async, "Firm"), of_kind(is_async, "Caller"));
        let _ = write!(
            text,
            "\n\nclass {firm}:\n    \"\"\"What a user of a firm may ask for.\"\"\"\n\n    def __init__(self, caller: {caller}) \
             -> None:\n        \"\"\"Only an SDK makes one.\"\"\"\n"
        );
        for group in firm_groups(api) {
            let _ = writeln!(text, "        self.{group} = {}(caller)", of_kind(is_async, &class(group)));
        }
    }
    text
}

fn of_kind(is_async: bool, name: &str) -> String {
    if is_async { format!("Async{name}") } else { name.to_owned() }
}

fn method(api: &Api, operation: &Operation, is_async: bool) -> String {
    let mut docs = prose(api, &operation.docs);
    for argument in &operation.arguments {
        let _ = write!(docs, "\n\n{}: {}", plain_name(&argument.name), prose(api, &argument.docs));
    }
    let _ = write!(docs, "\n\n{}", operation.who_and_what());
    if !operation.errors.is_empty() {
        let _ = write!(docs, " Errors of its own: {}.", operation.errors.join(", "));
    }
    let only = may_be_left_out(api, operation);
    let mut parameters = String::from("self");
    if operation.arguments.len() > 1 {
        parameters += ", *";
    }
    // What has no default comes first where names do not matter.
    for argument in &operation.arguments {
        let name = plain_name(&argument.name);
        let shape = argument_shape(&argument.shape);
        let _ = match (&argument.shape, only, argument.required) {
            (Shape::Named(of), true, _) => write!(parameters, ", {name}: {shape} = types.{of}()"),
            (_, _, true) => write!(parameters, ", {name}: {shape}"),
            (Shape::Optional(_), ..) => write!(parameters, ", {name}: {shape} = None"),
            _ => write!(parameters, ", {name}: {shape} | None = None"),
        };
    }
    let result = match &operation.result {
        Shape::Unit => String::from("None"),
        shape => qualified(&python(shape, true)),
    };
    let entries: Vec<String> =
        operation.arguments.iter().map(|one| format!("{:?}: {}", one.name, plain_name(&one.name))).collect();
    let (start, wait) = if is_async { ("async def", "await ") } else { ("def", "") };
    let call = format!("{wait}self._call({:?}, {{{}}})", operation.name, entries.join(", "));
    let body = match &operation.result {
        Shape::Unit => call,
        shape => format!("return {}", read(api, shape, &call)),
    };
    format!(
        "\n    {start} {}({parameters}) -> {result}:\n{}        {body}\n",
        plain_name(&operation.method),
        docstring(&docs, 2)
    )
}

/// The functions of `_read.py` that results need, one a line.
fn needed(api: &Api) -> String {
    let mut names = BTreeSet::new();
    let mut left: Vec<&Shape> = api.operations.iter().map(|operation| &operation.result).collect();
    while let Some(shape) = left.pop() {
        match shape {
            Shape::Array(inner) | Shape::Map(inner) | Shape::Optional(inner) => left.push(inner),
            Shape::Named(name) if !matches!(api.types.get(name), Some(Type::Enum { .. })) => {
                names.insert(reader_name(name));
            }
            _ => {}
        }
    }
    names.iter().map(|name| format!("    {name},\n")).collect()
}
