//! Calls that the demo does not make: the rest of the routes, and each of Clio's refusals.

use serde_json::{Value, json};

use super::Bench;
use crate::Outcome;
use crate::clio::{Answer, request};

/// Speaks to the router as a connected application.
pub(super) struct Caller<'a> {
    bench: &'a Bench,
    bearer: String,
}

impl<'a> Caller<'a> {
    pub(super) fn new(bench: &'a Bench) -> Result<Self, String> {
        let tokens = bench.clio.post("/__sim/tokens", &json!({}))?;
        let token = tokens["access_token"].as_str().ok_or("no token")?;
        Ok(Self { bench, bearer: format!("Bearer {token}") })
    }

    pub(super) fn call(&self, method: &str, path: &str, body: &Value) -> Result<Answer, String> {
        self.call_with(&[], method, path, body)
    }

    fn call_with(&self, more: &[(&str, &str)], method: &str, path: &str, body: &Value) -> Result<Answer, String> {
        let mut headers =
            vec![("authorization", self.bearer.as_str()), ("user-agent", "contract"), ("connection", "close")];
        headers.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        headers.extend(more);
        if !body.is_null() {
            headers.push(("content-type", "application/json"));
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        request(&self.bench.router.url, method, &format!("/api/v4{path}"), &headers, &text)
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let answer =
            self.call("GET", path, &Value::Null)?.expect(200).map_err(|error| format!("GET {path}: {error}"))?;
        Ok(answer.json()["data"].clone())
    }

    fn write(&self, method: &str, path: &str, status: u16, data: Value) -> Result<Value, String> {
        let answer = self.call(method, path, &json!({ "data": data }))?;
        let answer = answer.expect(status).map_err(|error| format!("{method} {path}: {error}"))?;
        Ok(answer.json()["data"].clone())
    }

    fn delete(&self, path: &str) -> Outcome {
        self.call("DELETE", path, &Value::Null)?.expect(204).map_err(|error| format!("DELETE {path}: {error}"))?;
        Ok(())
    }

    fn refused(&self, status: u16, more: &[(&str, &str)], method: &str, path: &str, body: &Value) -> Outcome {
        let answer = self.call_with(more, method, path, body)?;
        answer.expect(status).map_err(|error| format!("{method} {path}: {error}"))?;
        Ok(())
    }
}

pub(super) fn all(bench: &Bench) -> Outcome {
    let caller = Caller::new(bench)?;
    let contact = contacts(&caller)?;
    matters(&caller, &contact)?;
    settings(&caller)?;
    webhooks(&caller)?;
    documents(&caller)?;
    refusals(&caller)
}

fn contacts(caller: &Caller<'_>) -> Result<Value, String> {
    let fields = "fields=id,etag,name,first_name,last_name,type,created_at,updated_at,primary_email_address,\
                  email_addresses{id,name,address,primary},phone_numbers{id,name,number,primary},addresses{id,city,name}";
    let contact = caller.write(
        "POST",
        &format!("/contacts.json?{fields}"),
        201,
        json!({ "type": "Person", "name": "Ada Lind", "first_name": "Ada", "last_name": "Lind",
            "email_addresses": [{ "name": "Home", "address": "ada.lind@example.com", "default_email": true }],
            "phone_numbers": [{ "name": "Mobile", "number": "+1 555 0100", "default_number": true }],
            "addresses": [{ "name": "Home", "street": "1 Elm", "city": "Salem", "province": "OR", "postal_code": "97301",
                "country": "US" }] }),
    )?;
    let one = format!("/contacts/{}.json?{fields}", contact["id"]);
    caller.get(&format!("/contacts.json?type=Person&query=ada.lind%40example.com&limit=200&{fields}"))?;
    caller.get("/contacts.json?limit=1&order=id(asc)&created_since=2020-01-01T00%3A00%3A00%2B00%3A00")?;
    let etag = contact["etag"].as_str().unwrap_or_default();
    caller.refused(304, &[("if-none-match", etag)], "GET", &one, &Value::Null)?;
    let change = json!({ "data": { "name": "Ada Lindt", "last_name": "Lindt" } });
    caller.refused(200, &[("if-match", etag)], "PATCH", &one, &change)?;
    caller.refused(412, &[("if-match", etag)], "PATCH", &one, &change)?;
    let company = caller.write("POST", "/contacts.json", 201, json!({ "type": "Company", "name": "Lind & Co" }))?;
    caller.delete(&format!("/contacts/{}.json", company["id"]))?;
    Ok(contact)
}

fn matters(caller: &Caller<'_>, contact: &Value) -> Outcome {
    let fields = "fields=id,etag,number,display_number,description,status,open_date,close_date,created_at,updated_at,\
                  client{id,name},practice_area{id,name},custom_field_values{id,field_name,value}";
    let area = caller.get("/practice_areas.json?limit=1")?[0]["id"].clone();
    let data = json!({ "client": { "id": contact["id"] }, "practice_area": { "id": area },
        "description": "A will", "status": "pending", "open_date": "2026-01-15" });
    let matter = caller.write("POST", &format!("/matters.json?{fields}"), 201, data)?;
    let one = format!("/matters/{}.json?{fields}", matter["id"]);
    caller.get(&one)?;
    caller.get(&format!("/matters.json?client_id={}&status=pending&{fields}", contact["id"]))?;
    let closed = caller.write("PATCH", &one, 200, json!({ "status": "closed", "close_date": "2026-02-01" }))?;
    if closed["status"] != "Closed" {
        return Err(format!("the matter was not closed: {closed}"));
    }
    caller.delete(&format!("/matters/{}.json", matter["id"]))
}

fn settings(caller: &Caller<'_>) -> Outcome {
    caller.get("/users/who_am_i.json?fields=id,etag,name,first_name,last_name,email,account{id,name,state}")?;
    let fields = "fields=id,etag,name,parent_type,field_type,displayed,deleted,required,created_at,updated_at";
    let data = json!({ "name": "CaseHug id", "parent_type": "Matter", "field_type": "text_line" });
    caller.write("POST", &format!("/custom_fields.json?{fields}"), 201, data)?;
    caller.get(&format!("/custom_fields.json?parent_type=matter&{fields}"))?;
    let fields = "fields=id,etag,name,code,category,created_at,updated_at";
    let data = json!({ "name": "Tax", "code": "TAX", "category": "other" });
    let area = caller.write("POST", &format!("/practice_areas.json?{fields}"), 201, data)?;
    let one = format!("/practice_areas/{}.json", area["id"]);
    caller.get(&format!("{one}?{fields}"))?;
    caller.write("PATCH", &format!("{one}?{fields}"), 200, json!({ "name": "Taxes" }))?;
    caller.delete(&one)
}

fn webhooks(caller: &Caller<'_>) -> Outcome {
    let fields = "fields=id,etag,url,fields,model,events,status,expires_at,shared_secret,created_at,updated_at";
    let data = json!({ "url": "https://hooks.example.com/clio", "model": "matter", "fields": "id,etag,status",
        "events": ["updated", "deleted"] });
    let hook = caller.write("POST", &format!("/webhooks.json?{fields}"), 201, data)?;
    let one = format!("/webhooks/{}.json", hook["id"]);
    caller.get(&format!("{one}?{fields}"))?;
    caller.get(&format!("/webhooks.json?{fields}"))?;
    caller.write("PATCH", &format!("{one}?{fields}"), 200, json!({ "events": ["updated"] }))?;
    caller.delete(&one)
}

fn documents(caller: &Caller<'_>) -> Outcome {
    let fields = "fields=id,etag,name,type,filename,size,content_type,created_at,updated_at,matter{id},parent{id,type},\
                  external_properties{name,value},latest_document_version{id,uuid,fully_uploaded}";
    let all = caller.get(&format!("/documents.json?limit=3&show_uncompleted=true&{fields}"))?;
    let one = format!("/documents/{}.json", all[0]["id"]);
    caller.get(&format!("{one}?{fields}"))?;
    caller.write("PATCH", &format!("{one}?{fields}"), 200, json!({ "name": "Renamed.pdf" }))?;
    caller.delete(&one)
}

/// A refusal of every kind that Clio has; what a fault makes up is what clio-sim answers in that
/// case.
fn refusals(caller: &Caller<'_>) -> Outcome {
    let none = &Value::Null;
    caller.refused(400, &[], "GET", "/contacts.json?fields=id,nothing", none)?;
    caller.refused(400, &[], "GET", "/contacts.json?limit=201", none)?;
    caller.refused(401, &[("authorization", "Bearer nobody")], "GET", "/contacts.json", none)?;
    caller.refused(404, &[], "GET", "/matters/1.json", none)?;
    caller.refused(404, &[], "PATCH", "/documents/1.json", &json!({ "data": { "name": "a" } }))?;
    caller.refused(410, &[("x-api-version", "3.0")], "GET", "/contacts.json", none)?;
    let person = json!({ "data": { "type": "Person", "name": " " } });
    caller.refused(422, &[], "POST", "/contacts.json", &person)?;
    let config = |changes: Value| caller.bench.clio.post("/__sim/config", &changes);
    config(json!({ "permissions": { "matters": "none" } }))?;
    caller.refused(403, &[], "GET", "/matters.json", none)?;
    config(json!({ "permissions": {}, "rate_limit": 1 }))?;
    caller.refused(429, &[], "GET", "/contacts.json", none)?;
    caller.refused(429, &[], "POST", "/contacts.json", &json!({ "data": { "type": "Person", "name": "B" } }))
}
