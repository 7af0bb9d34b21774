//! The types of Node's methods, for ESM and CommonJS alike.
//!
//! **What later versions may add.** An enumeration or a union in a result has room for values that
//! this version does not know, so that a program must have an answer to them. In arguments there is
//! no room: a mistyped word must not compile.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::model::{Api, Field, Operation, Shape, Type};
use super::node::{GENERATED, camel, class, firm_groups, groups, may_be_left_out, pascal};
use super::prose::wrapped;

const WIDTH: usize = 100;
/// Names that a type of the API must not take.
const TAKEN: [&str; 13] = [
    "Array",
    "CallOptions",
    "CasehugClioError",
    "CasehugId",
    "ClioId",
    "ErrorCode",
    "Firm",
    "Milliseconds",
    "Promise",
    "Record",
    "Retry",
    "Time",
    "UnknownName",
];
const ALIASES: &str = "
/** An id of CaseHug's: 1 to 128 of `A-Z a-z 0-9 _ - . :`. */
export type CasehugId = string;

/** An id of Clio's: a decimal string. */
export type ClioId = string;

/** A time as RFC 3339; in UTC where the SDK writes it. */
export type Time = string;

/** A whole number of milliseconds. */
export type Milliseconds = number;

/** What every call takes. */
export interface CallOptions {
  /**
   * Ends the call: what waits at once, what works after the step in progress, with `cancelled`. A
   * request to Clio in progress is waited for. What was begun is due at once for workers, and calling
   * again goes on with it.
   */
  signal?: AbortSignal | undefined;
}

/** The tag of a variant that a later version of the SDK added: a string that is none of the others. */
declare enum UnknownName {
  Unknown = '(unknown)',
}
";

/// `operations.d.mts` and `operations.d.cts`.
///
/// # Errors
/// A name that TypeScript or this file has another use for.
pub(super) fn declarations(api: &Api) -> Result<String, String> {
    if let Some(name) = api.types.keys().find(|name| TAKEN.contains(&name.as_str())) {
        return Err(format!("a type must not be called {name}: TypeScript has another of that name"));
    }
    let writer = Writer { api, open: results(api) };
    let mut page = format!(
        "{GENERATED}\n// Without this line every declaration below would be exported.\nexport {{}};\n{ALIASES}"
    );
    writer.errors(&mut page);
    for (name, read) in &api.types {
        writer.type_of(&mut page, name, read);
    }
    for (group, operations) in groups(api) {
        let what = match group {
            "host" => String::from("The operations of the service that embeds the SDK, never of a user."),
            _ => format!("The firm's operations in group `{group}`."),
        };
        page += &comment(&what, 0);
        let _ = writeln!(page, "export class {} {{\n  private constructor();", class(group));
        for operation in operations {
            writer.method(&mut page, operation);
        }
        page += "}\n";
    }
    page += &comment("The operations that a user of a firm may ask for, by group.", 0);
    page += "export class Firm {\n  private constructor();\n";
    for group in firm_groups(api) {
        let _ = writeln!(page, "  readonly {}: {};", camel(group), class(group));
    }
    Ok(page + "}\n")
}

/// The types that results hold.
pub(super) fn results(api: &Api) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut left: Vec<&Shape> = api.operations.iter().map(|operation| &operation.result).collect();
    while let Some(shape) = left.pop() {
        match shape {
            Shape::Array(inner) | Shape::Map(inner) | Shape::Optional(inner) => left.push(inner),
            Shape::Named(name) if found.insert(name.as_str()) => match api.types.get(name) {
                Some(Type::Object { fields, .. }) => left.extend(fields.iter().map(|field| &field.shape)),
                Some(Type::Union { variants, .. }) => {
                    left.extend(variants.iter().flat_map(|variant| &variant.fields).map(|field| &field.shape));
                }
                Some(Type::Enum { .. }) | None => {}
            },
            _ => {}
        }
    }
    found
}

struct Writer<'a> {
    api: &'a Api,
    /// What later versions may add to.
    open: BTreeSet<&'a str>,
}

impl Writer<'_> {
    fn errors(&self, page: &mut String) {
        *page += &comment("The code of an error. Later versions may add some.", 0);
        *page += "export type ErrorCode =\n";
        for error in &self.api.errors {
            *page += comment(&error.message, 2).trim_start_matches('\n');
            let _ = writeln!(page, "  | '{}'", error.name);
        }
        *page += "  | (string & {});\n";
        let verdicts: BTreeSet<&str> = self.api.errors.iter().map(|error| error.retry.as_str()).collect();
        *page += &comment("Whether to try again. `retry_after`: not before `retryAfterMs`.", 0);
        *page += "export type Retry =\n";
        for verdict in verdicts.into_iter().chain(["retry_after"]).collect::<BTreeSet<_>>() {
            let _ = writeln!(page, "  | '{verdict}'");
        }
        *page += "  | (string & {});\n";
    }

    fn type_of(&self, page: &mut String, name: &str, read: &Type) {
        let open = self.open.contains(name);
        match read {
            Type::Object { docs, fields, .. } => self.interface(page, name, docs, None, fields),
            Type::Enum { docs, values } => {
                *page += &comment(docs, 0);
                let _ = write!(page, "export type {name} =");
                for value in values {
                    *page += "\n";
                    *page += comment(&value.docs, 2).trim_start_matches('\n');
                    let _ = write!(page, "  | '{}'", value.name);
                }
                *page += if open { "\n  | (string & {});\n" } else { ";\n" };
            }
            Type::Union { docs, tag, variants } => {
                let mut names: Vec<String> = Vec::new();
                for variant in variants {
                    let of_variant = format!("{name}{}", pascal(&variant.name));
                    self.interface(
                        page,
                        &of_variant,
                        &variant.docs,
                        Some((tag, &format!("'{}'", variant.name))),
                        &variant.fields,
                    );
                    names.push(of_variant);
                }
                if open {
                    let unknown = format!("{name}Unknown");
                    let docs = format!("A variant that a later version of the SDK added to `{name}`.");
                    self.interface(page, &unknown, &docs, Some((tag, "UnknownName")), &[]);
                    names.push(unknown);
                }
                *page += &comment(&format!("{docs}\n\nThe field `{tag}` says which."), 0);
                let _ = writeln!(page, "export type {name} =\n  | {};", names.join("\n  | "));
            }
        }
    }

    fn interface(&self, page: &mut String, name: &str, docs: &str, tag: Option<(&str, &str)>, fields: &[Field]) {
        *page += &comment(docs, 0);
        let _ = writeln!(page, "export interface {name} {{");
        if let Some((tag, value)) = tag {
            let _ = writeln!(page, "  {tag}: {value};");
        }
        self.properties(page, fields, 2, |name| name.to_owned());
        *page += "}\n";
    }

    fn properties(&self, page: &mut String, fields: &[Field], indent: usize, name: impl Fn(&str) -> String) {
        for field in fields {
            *page += comment(&self.prose(&field.docs), indent).trim_start_matches('\n');
            let optional = if field.required { "" } else { "?" };
            let null = match field.shape {
                Shape::Optional(_) => "",
                _ if field.required => "",
                _ => " | null",
            };
            let _ = writeln!(page, "{:indent$}{}{optional}: {}{null};", "", name(&field.name), shape(&field.shape));
        }
    }

    fn method(&self, page: &mut String, operation: &Operation) {
        let mut docs = format!("{}\n\n{}", self.prose(&operation.docs), operation.who_and_what());
        let mut parameters = String::new();
        match operation.arguments.as_slice() {
            [] => {}
            [one] => {
                let name = camel(&one.name);
                let optional = if !one.required || may_be_left_out(self.api, operation) { "?" } else { "" };
                let _ = write!(docs, "\n\n@param {name} - {}", self.prose(&one.docs));
                let _ = write!(parameters, "{name}{optional}: {}", shape(&one.shape));
            }
            many => {
                parameters += "args: {\n";
                self.properties(&mut parameters, many, 4, camel);
                parameters += "  }";
            }
        }
        if !parameters.is_empty() {
            parameters += ", ";
        }
        parameters += "options?: CallOptions";
        let own: Vec<String> = operation.errors.iter().map(|error| format!("`{error}`, ")).collect();
        let own = if own.is_empty() { String::new() } else { format!("{}or ", own.concat()) };
        let _ = write!(docs, "\n\n@throws CasehugClioError with code {own}one that every operation can end with.");
        *page += &comment(&docs, 2);
        let result = shape(&operation.result);
        let _ = writeln!(page, "  {}({parameters}): Promise<{result}>;", camel(&operation.method));
    }

    /// Operations by the names that they have here.
    fn prose(&self, docs: &str) -> String {
        let mut text = docs.to_owned();
        for Operation { name, group, method, .. } in &self.api.operations {
            text = text.replace(&format!("`{name}`"), &format!("`{}.{}`", camel(group), camel(method)));
        }
        text
    }
}

pub(super) fn shape(of: &Shape) -> String {
    match of {
        Shape::Unit => String::from("void"),
        Shape::Boolean => String::from("boolean"),
        Shape::Integer => String::from("number"),
        Shape::Milliseconds => String::from("Milliseconds"),
        Shape::String => String::from("string"),
        Shape::CasehugId => String::from("CasehugId"),
        Shape::ClioId => String::from("ClioId"),
        Shape::Time => String::from("Time"),
        Shape::Array(item) if matches!(**item, Shape::Optional(_)) => format!("({})[]", shape(item)),
        Shape::Array(item) => format!("{}[]", shape(item)),
        Shape::Map(value) => format!("Record<string, {}>", shape(value)),
        Shape::Named(name) => name.clone(),
        Shape::Optional(inner) => format!("{} | null", shape(inner)),
    }
}

/// A comment before a declaration, after an empty line; nothing of nothing.
pub(super) fn comment(docs: &str, indent: usize) -> String {
    if docs.is_empty() {
        return String::new();
    }
    let docs = docs.replace("*/", "*\\/");
    let lines = wrapped(&docs, WIDTH - indent - 3);
    if let [line] = lines.as_slice()
        && line.len() + indent + 7 <= WIDTH
    {
        return format!("\n{:indent$}/** {line} */\n", "");
    }
    let mut text = format!("\n{:indent$}/**\n", "");
    for line in lines {
        let _ = writeln!(text, "{:indent$} *{}{line}", "", if line.is_empty() { "" } else { " " });
    }
    text + &format!("{:indent$} */\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_fits_its_line_and_cannot_be_left() {
        assert_eq!(comment("", 2), "");
        assert_eq!(comment("Short.", 2), "\n  /** Short. */\n");
        assert_eq!(comment("One. */\n\nTwo.", 0), "\n/**\n * One. *\\/\n *\n * Two.\n */\n");
        assert!(comment(&"word ".repeat(60), 4).lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn optional_items_of_a_list_keep_their_brackets() {
        let item = Shape::Optional(Box::new(Shape::ClioId));
        assert_eq!(shape(&Shape::Array(Box::new(item))), "(ClioId | null)[]");
    }
}
