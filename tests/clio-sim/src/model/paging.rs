//! Pages of a list: the cursor (default order, no `offset`) and the offset (any order, at most
//! 10,000 records).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    errors::{ApiError, ApiResult},
    http::Query,
};

/// Deepest record that offset paging reaches.
const OFFSET_CEILING: usize = 10_000;
const LARGEST_PAGE: usize = 200;

/// The ids of one page and the `meta` object that goes with it.
#[derive(Debug)]
pub(crate) struct Page {
    pub ids: Vec<i64>,
    pub meta: Value,
}

/// The order a list is asked in: a field, and whether it descends.
pub(crate) fn order<'a>(query: &'a Query, allowed: &[&str]) -> ApiResult<(&'a str, bool)> {
    let text = query.get("order").unwrap_or("id(asc)");
    let parsed = text
        .strip_suffix("(asc)")
        .map(|field| (field, false))
        .or_else(|| text.strip_suffix("(desc)").map(|field| (field, true)));
    match parsed {
        Some((field, descending)) if allowed.contains(&field) => Ok((field, descending)),
        _ => Err(ApiError::bad_request(format!("{text:?} is not a valid order."))),
    }
}

fn number(query: &Query, name: &str) -> ApiResult<Option<usize>> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(ApiError::bad_request(format!("{name} must be a number, not {text:?}."))),
    }
}

/// Cuts the page that `query` asks for out of `ids`, which are complete and in order.
pub(crate) fn page(ids: Vec<i64>, query: &Query, url: &str) -> ApiResult<Page> {
    let limit = number(query, "limit")?.unwrap_or(LARGEST_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(ApiError::bad_request(format!("limit must be between 1 and {LARGEST_PAGE}.")));
    }
    let total = ids.len();
    let by_id = matches!(query.get("order"), None | Some("id(asc)"));
    let mut links = Map::new();
    let page = match number(query, "offset")? {
        None if by_id => cursor(&ids, query, limit, url, &mut links)?,
        offset => {
            if query.get("page_token").is_some() {
                return Err(ApiError::invalid("page_token needs the order id(asc) and no offset."));
            }
            let from = offset.unwrap_or(0);
            if from.saturating_add(limit) > OFFSET_CEILING.max(limit) || from >= OFFSET_CEILING {
                return Err(ApiError::invalid(format!("offset cannot reach past {OFFSET_CEILING} records.")));
            }
            let to = total.min(from + limit);
            let mut link = |name: &str, offset: usize| {
                let query = query.rewritten(&["offset", "limit"], &pairs(limit, "offset", offset.to_string()));
                links.insert(name.into(), json!(format!("{url}?{query}")));
            };
            if to < total && to < OFFSET_CEILING {
                link("next", to);
            }
            if from > 0 {
                link("previous", from.saturating_sub(limit));
            }
            ids.get(from.min(total)..to.max(from.min(total))).unwrap_or_default().to_vec()
        }
    };
    Ok(Page { ids: page, meta: json!({"paging": links, "records": total}) })
}

fn pairs(limit: usize, name: &'static str, value: String) -> Vec<(&'static str, String)> {
    vec![("limit", limit.to_string()), (name, value)]
}

fn cursor(ids: &[i64], query: &Query, limit: usize, url: &str, links: &mut Map<String, Value>) -> ApiResult<Vec<i64>> {
    let (from, to) = match query.get("page_token") {
        None => (0, limit.min(ids.len())),
        Some(token) => match read_token(token)? {
            ('a', id) => {
                let from = ids.partition_point(|other| *other <= id);
                (from, ids.len().min(from + limit))
            }
            (_, id) => {
                let to = ids.partition_point(|other| *other < id);
                (to.saturating_sub(limit), to)
            }
        },
    };
    let page = ids.get(from..to).unwrap_or_default().to_vec();
    let mut link = |name: &str, way: char, id: i64| {
        let token = URL_SAFE_NO_PAD.encode(format!("{way}:{id}"));
        let query = query.rewritten(
            &["page_token", "limit", "order"],
            &[pairs(limit, "page_token", token), vec![("order", "id(asc)".into())]].concat(),
        );
        links.insert(name.into(), json!(format!("{url}?{query}")));
    };
    if let Some(last) = page.last().filter(|_| to < ids.len()) {
        link("next", 'a', *last);
    }
    if let Some(first) = page.first().filter(|_| from > 0) {
        link("previous", 'b', *first);
    }
    Ok(page)
}

fn read_token(token: &str) -> ApiResult<(char, i64)> {
    let read = || -> Option<(char, i64)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (way, id) = text.split_once(':')?;
        let way = way.chars().next().filter(|way| matches!(way, 'a' | 'b'))?;
        Some((way, id.parse().ok()?))
    };
    read().ok_or_else(|| ApiError::bad_request("page_token is not valid."))
}
