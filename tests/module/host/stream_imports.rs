//! The functions that the module imports: those of the ABI that act on a request.

use super::abi::{Pairs, Status, decode_pairs, encode_pairs, give, read};
use super::imports::started;
use super::state::{Action, Copies, Phase, Reply, State};
use wasmtime::{Caller, Linker, Result};

type Host<'a> = Caller<'a, State>;

pub(crate) fn add(linker: &mut Linker<State>) -> Result<()> {
    read_headers(linker)?;
    write_headers(linker)?;
    buffers(linker)?;
    properties(linker)?;
    decisions(linker)
}

/// The header map of that number, if Envoy would still have it.
fn map(state: &mut State, map: u32) -> Option<&mut Pairs> {
    match map {
        0 => state.stream().filter(|stream| stream.readable).map(|stream| &mut stream.headers),
        6 => state.response.as_mut().map(|response| &mut response.headers),
        _ => None,
    }
}

fn read_headers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut caller: Host<'_>, number: u32, return_pointer: u32, return_length: u32| {
            started(&caller, "proxy_get_header_map_pairs")?;
            caller.data_mut().head_reads += usize::from(number == 0);
            // Envoy gives an empty map where there is none; here it is an error, as for a single header: a filter that
            // looks at the headers of a decided request decides on nothing.
            let Some(pairs) = map(caller.data_mut(), number) else { return Ok(Status::BadArgument.code()) };
            let bytes = encode_pairs(pairs);
            give(&mut caller, &bytes, return_pointer, return_length)?;
            Ok(Status::Ok.code())
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut caller: Host<'_>,
         number: u32,
         name: u32,
         length: u32,
         return_pointer: u32,
         return_length: u32| {
            started(&caller, "proxy_get_header_map_value")?;
            let name = read(&mut caller, name, length)?;
            let Some(pairs) = map(caller.data_mut(), number) else { return Ok(Status::BadArgument.code()) };
            let found = pairs.iter().find(|(each, _)| each.as_bytes().eq_ignore_ascii_case(&name));
            let Some(value) = found.map(|(_, value)| value.clone()) else {
                return Ok(Status::NotFound.code());
            };
            give(&mut caller, &value, return_pointer, return_length)?;
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}

const AUTHORIZATION: &str = "authorization";

/// Adds a header as if it had come with the request.
fn insert(pairs: &mut Pairs, name: String, value: Vec<u8>, copies: Copies) {
    let earlier = pairs.iter_mut().find(|(each, _)| *each == AUTHORIZATION && *each == name);
    match (copies, earlier) {
        (Copies::Joined | Copies::Stuck, Some((_, earlier))) => {
            // Envoy puts no comma behind what is empty.
            if !earlier.is_empty() && !value.is_empty() {
                earlier.push(b',');
            }
            earlier.extend(value);
        }
        (Copies::Joined | Copies::Stuck, None) | (Copies::Apart | Copies::Protected, _) => {
            pairs.push((name, value));
        }
    }
}

/// In the place of the first copy, as Envoy does.
fn replace(pairs: &mut Pairs, name: String, value: Vec<u8>) {
    let place = pairs.iter().position(|(each, _)| *each == name).unwrap_or(pairs.len());
    pairs.retain(|(each, _)| *each != name);
    pairs.insert(place, (name, value));
}

fn write_headers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |mut caller: Host<'_>, number: u32, pairs: u32, length: u32| {
            started(&caller, "proxy_set_header_map_pairs")?;
            let Some(new) = decode_pairs(&read(&mut caller, pairs, length)?) else {
                return Ok(Status::BadArgument.code());
            };
            let Some(pairs) = map(caller.data_mut(), number) else { return Ok(Status::BadArgument.code()) };
            *pairs = new;
            Ok(Status::Ok.code())
        },
    )?;
    for (function, replaces) in
        [("proxy_add_header_map_value", false), ("proxy_replace_header_map_value", true)]
    {
        linker.func_wrap(
            "env",
            function,
            move |mut caller: Host<'_>,
                  number: u32,
                  name: u32,
                  length: u32,
                  value: u32,
                  value_length: u32| {
                started(&caller, function)?;
                let name = String::from_utf8(read(&mut caller, name, length)?)?.to_ascii_lowercase();
                let value = read(&mut caller, value, value_length)?;
                let copies = caller.data().copies;
                let is_refused = match copies {
                    Copies::Apart | Copies::Joined => false,
                    Copies::Stuck => replaces,
                    Copies::Protected => true,
                };
                if name == AUTHORIZATION && is_refused {
                    return Ok(Status::BadArgument.code());
                }
                let Some(pairs) = map(caller.data_mut(), number) else {
                    return Ok(Status::BadArgument.code());
                };
                if replaces {
                    replace(pairs, name, value);
                } else {
                    insert(pairs, name, value, copies);
                }
                Ok(Status::Ok.code())
            },
        )?;
    }
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut caller: Host<'_>, number: u32, name: u32, length: u32| {
            started(&caller, "proxy_remove_header_map_value")?;
            let name = String::from_utf8(read(&mut caller, name, length)?)?.to_ascii_lowercase();
            if name == AUTHORIZATION && caller.data().copies == Copies::Stuck {
                return Ok(Status::BadArgument.code());
            }
            let Some(pairs) = map(caller.data_mut(), number) else { return Ok(Status::BadArgument.code()) };
            pairs.retain(|(each, _)| *each != name);
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}

fn buffers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut caller: Host<'_>,
         number: u32,
         start: u32,
         max_size: u32,
         return_pointer: u32,
         return_length: u32| {
            started(&caller, "proxy_get_buffer_bytes")?;
            let state = caller.data_mut();
            let buffer = match number {
                0 => state.stream().map(|stream| stream.body.clone()),
                4 => state.response.as_ref().map(|response| response.body.clone()),
                6 => Some(Vec::new()),
                7 => (state.phase == Phase::Configuring)
                    .then(|| state.roots[&state.current].configuration.clone()),
                _ => None,
            };
            let Some(buffer) = buffer else { return Ok(Status::NotFound.code()) };
            let start = usize::try_from(start)?.min(buffer.len());
            let end = start.saturating_add(usize::try_from(max_size)?).min(buffer.len());
            give(&mut caller, &buffer[start..end], return_pointer, return_length)?;
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}

fn properties(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut caller: Host<'_>, path: u32, length: u32, return_pointer: u32, return_length: u32| {
            started(&caller, "proxy_get_property")?;
            let path = read(&mut caller, path, length)?;
            let path = String::from_utf8(path)?.trim_end_matches('\0').replace('\0', ".");
            let Some(value) = property(caller.data_mut(), &path) else { return Ok(Status::NotFound.code()) };
            give(&mut caller, &value, return_pointer, return_length)?;
            Ok(Status::Ok.code())
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut caller: Host<'_>, path: u32, length: u32, value: u32, value_length: u32| {
            started(&caller, "proxy_set_property")?;
            let path = String::from_utf8(read(&mut caller, path, length)?)?.replace('\0', ".");
            let value = read(&mut caller, value, value_length)?;
            let state = caller.data_mut();
            let context = state.acting();
            state.property_writes.push((context, path, value));
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}

/// Properties of the plugin, and the few of a request that a token check could want.
fn property(state: &mut State, path: &str) -> Option<Vec<u8>> {
    if let Some(value) = state.properties.get(path) {
        return Some(value.clone());
    }
    let name = match path {
        "request.path" => ":path",
        "request.host" => ":authority",
        "request.method" => ":method",
        "request.scheme" => ":scheme",
        _ => path.strip_prefix("request.headers.")?,
    };
    let headers = map(state, 0)?;
    headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.clone())
}

fn decisions(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", |mut caller: Host<'_>, stream_type: u32| {
        started(&caller, "proxy_continue_stream")?;
        let state = caller.data_mut();
        let id = state.acting();
        if stream_type > 1 || state.roots.contains_key(&id) {
            state.violations.push(format!("continue_stream({stream_type}) for context {id}"));
            return Ok(Status::BadArgument.code());
        }
        let Some(stream) = state.stream() else { return Ok(Status::BadArgument.code()) };
        stream.readable = false;
        state.actions.push(Action::Continue(id));
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut caller: Host<'_>,
         status: u32,
         details: u32,
         details_length: u32,
         body: u32,
         body_length: u32,
         headers: u32,
         headers_length: u32,
         grpc_status: i32| {
            started(&caller, "proxy_send_local_response")?;
            let details = String::from_utf8(read(&mut caller, details, details_length)?)?;
            let body = read(&mut caller, body, body_length)?;
            let headers = decode_pairs(&read(&mut caller, headers, headers_length)?);
            let Some(headers) = headers else { return Ok(Status::BadArgument.code()) };
            let grpc_status = (grpc_status >= 0).then_some(grpc_status);
            let state = caller.data_mut();
            let id = state.acting();
            let Some(stream) = state.stream() else { return Ok(Status::BadArgument.code()) };
            if stream.replying {
                return Ok(Status::BadArgument.code());
            }
            stream.replying = true;
            stream.readable = false;
            state.actions.push(Action::Reply(id, Reply { status, headers, body, details, grpc_status }));
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}
