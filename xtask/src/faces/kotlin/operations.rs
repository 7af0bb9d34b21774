//! `Operations.kt` and `BlockingOperations.kt`: every group of operations twice; and for tests,
//! every operation by its name.

use core::fmt::Write as _;

use super::json::{read, written};
use super::types::declared;
use super::{HEAD, kdoc, kotlin, method_name, name, prose};
use crate::faces::model::{Api, Field, Operation, Shape};
use crate::faces::node::{camel, class, firm_groups, groups, may_be_left_out};

/// How a method waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    Suspended,
    Blocking,
}

impl Waits {
    fn class(self, of: &str) -> String {
        match self {
            Self::Suspended => of.to_owned(),
            Self::Blocking => format!("Blocking{of}"),
        }
    }
}

/// The groups of operations, and what holds them.
pub(crate) fn operations(api: &Api, waits: Waits) -> String {
    let mut text = format!(
        "{HEAD}\n@file:Suppress(\"LargeClass\", \"MaxLineLength\")\n\npackage com.casehug.clio\n\nimport com.casehug.clio.types.*\n\
         import java.time.Instant\nimport kotlinx.serialization.json.JsonArray\nimport kotlinx.serialization.json.JsonPrimitive\n"
    );
    let caller = waits.class("Caller");
    for (group, operations) in groups(api) {
        let docs = match group {
            "host" => String::from(
                "What the service that embeds the SDK does itself, for no user. Never let a user's request choose the \
                 arguments unchecked.",
            ),
            group => format!("A firm's operations on {}.", group.replace('_', " ")),
        };
        let _ = write!(
            text,
            "\n{}public class {} internal constructor(private val call: {caller}) {{",
            kdoc(&docs, 0),
            waits.class(&class(group))
        );
        for operation in operations {
            text += &method(api, operation, waits);
        }
        text += "}\n";
    }
    let _ = write!(
        text,
        "\n/** What a user of a firm may ask for. */\npublic class {} internal constructor(call: {caller}) {{",
        waits.class("Firm")
    );
    for group in firm_groups(api) {
        let (name, class) = (camel(group), waits.class(&class(group)));
        let _ = write!(
            text,
            "\n    /** The firm's operations on {}. */\n    @get:JvmName({name:?})\n    public val {name}: {class} = \
             {class}(call)\n",
            group.replace('_', " ")
        );
    }
    text + "}\n"
}

fn method(api: &Api, operation: &Operation, waits: Waits) -> String {
    let mut docs = prose(api, &operation.docs);
    let _ = write!(docs, "\n\n{}", operation.who_and_what());
    if !operation.errors.is_empty() {
        let codes: Vec<String> = operation.errors.iter().map(|code| format!("`{code}`")).collect();
        let _ = write!(docs, " Errors of its own: {}.", codes.join(", "));
    }
    for argument in &operation.arguments {
        let _ = write!(docs, "\n\n@param {} {}", camel(&argument.name), prose(api, &argument.docs));
    }
    docs += "\n\n@throws CasehugClioException with the code of what went wrong.";
    // Tags follow each other without a gap.
    let docs = kdoc(&docs, 1);
    let docs = docs.replace("\n     *\n     * @", "\n     * @").replacen("\n     * @", "\n     *\n     * @", 1);
    let parameters: Vec<String> = operation.arguments.iter().map(|one| parameter(api, operation, one)).collect();
    let has_default = parameters.iter().any(|one| one.contains(" = "));
    let overloads = if has_default && waits == Waits::Blocking { "    @JvmOverloads\n" } else { "" };
    let keyword = if waits == Waits::Suspended { "suspend fun" } else { "fun" };
    let entries: Vec<String> = operation.arguments.iter().map(|one| entry(api, one)).collect();
    let call =
        format!("call({:?}{})", operation.name, entries.iter().map(|one| format!(", {one}")).collect::<String>());
    let body = match &operation.result {
        Shape::Unit => format!(" {{\n        {call}\n    }}"),
        shape => format!(": {} =\n        {}", kotlin(shape), read(api, shape, &call)),
    };
    format!("\n{docs}{overloads}    public {keyword} {}({}){body}\n", method_name(operation), parameters.join(", "))
}

fn parameter(api: &Api, operation: &Operation, argument: &Field) -> String {
    let (shape, default) = declared(argument, false);
    let default = match &argument.shape {
        Shape::Named(of) if may_be_left_out(api, operation) => format!(" = {of}()"),
        _ => default.to_owned(),
    };
    format!("{}: {shape}{default}", name(&argument.name))
}

fn entry(api: &Api, argument: &Field) -> String {
    let value = name(&argument.name);
    let written = match (&argument.shape, argument.required) {
        (Shape::Optional(_), _) | (_, true) => written(api, &argument.shape, &value),
        (shape, false) => format!("{value}.orNull {{ {} }}", written(api, shape, "it")),
    };
    format!("{:?} to {written}", argument.name)
}

/// `Dispatch.kt` of the tests: an operation by its name and JSON, through its method.
pub(crate) fn dispatch(api: &Api) -> String {
    let mut text = format!(
        "{HEAD}\n@file:Suppress(\"CyclomaticComplexMethod\", \"LongMethod\")\n\npackage com.casehug.clio\n\nimport com.casehug.clio.types.*\n\
         import kotlinx.serialization.json.JsonArray\nimport kotlinx.serialization.json.JsonElement\n\
         import kotlinx.serialization.json.JsonObject\nimport kotlinx.serialization.json.JsonPrimitive\n"
    );
    for waits in [Waits::Suspended, Waits::Blocking] {
        let (keyword, sdk) = match waits {
            Waits::Suspended => ("suspend fun", "Sdk"),
            Waits::Blocking => ("fun", "BlockingSdk"),
        };
        let _ = write!(
            text,
            "\n/** An operation by its name, through its method; null if there is none of that name. */\ninternal {keyword} \
             byName(sdk: {sdk}, actor: Actor, operation: String, a: JsonObject): JsonElement? = when (operation) {{\n"
        );
        for operation in &api.operations {
            let face = match operation.group.as_str() {
                "host" => String::from("sdk.host()"),
                group => format!("sdk.firm(actor).{}", camel(group)),
            };
            let values: Vec<String> = operation
                .arguments
                .iter()
                .map(|one| {
                    let value = match (&one.shape, one.required) {
                        (shape, true) => read(api, shape, &format!("a.required({:?})", one.name)),
                        (Shape::Optional(inner), false) => {
                            format!("a[{:?}].optional {{ {} }}", one.name, read(api, inner, "it"))
                        }
                        (shape, false) => format!("a[{:?}].optional {{ {} }}", one.name, read(api, shape, "it")),
                    };
                    format!("{} = {value}", name(&one.name))
                })
                .collect();
            let call = format!("{face}.{}({})", method_name(operation), values.join(", "));
            let result = match &operation.result {
                Shape::Unit => format!("{call}.let {{ JsonObject(emptyMap()) }}"),
                shape => written(api, shape, &call),
            };
            let _ = writeln!(text, "    {:?} -> {result}", operation.name);
        }
        text += "    else -> null\n}\n";
    }
    text
}
