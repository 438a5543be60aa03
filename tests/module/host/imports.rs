//! The functions that the module imports: those of the ABI that act on the root context or on nothing.

use super::abi::{Status, decode_pairs, give, read, write, write_u32};
use super::signature;
use super::state::{Callout, Level, LogLine, Metric, Phase, State, Tick};
use super::{stream_imports, wasi};
use std::time::Duration;
use wasmtime::{Caller, Engine, Error, Linker, Module, Result, Val};

type Host<'a> = Caller<'a, State>;

/// Everything that the module may import. What the ABI names and this host has no use for answers «unimplemented».
pub(crate) fn linker(engine: &Engine, module: &Module) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    for import in module.imports() {
        if import.module() == "env"
            && import.name().starts_with("proxy_")
            && let Some(ty) = import.ty().func().cloned()
        {
            linker.func_new("env", import.name(), ty, |_caller, _arguments, results| {
                results.fill(Val::I32(Status::Unimplemented.code().cast_signed()));
                Ok(())
            })?;
        }
    }
    logging_and_time(&mut linker)?;
    callouts(&mut linker)?;
    shared_data(&mut linker)?;
    metrics(&mut linker)?;
    contexts(&mut linker)?;
    stream_imports::add(&mut linker)?;
    wasi::add(&mut linker)?;
    Ok(linker)
}

/// While `_initialize` runs, Envoy stops the VM at any call but log, environment, time and randomness.
pub(crate) fn started(caller: &Host<'_>, name: &str) -> Result<()> {
    if caller.data().phase == Phase::Initializing {
        return Err(Error::msg(format!("{name} is not allowed in _initialize")));
    }
    Ok(())
}

fn logging_and_time(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |mut caller: Host<'_>, level: u32, text: u32, length: u32| {
        let text = read(&mut caller, text, length)?;
        let level = match level {
            0 => Level::Trace,
            1 => Level::Debug,
            2 => Level::Info,
            3 => Level::Warn,
            4 => Level::Error,
            5 => Level::Critical,
            _ => return Ok(Status::BadArgument.code()),
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        caller.data_mut().log.push(LogLine { level, text });
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut caller: Host<'_>, result: u32| {
        // The most talkative level: whatever the module would ever log is seen.
        write_u32(&mut caller, result, 0)?;
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut caller: Host<'_>, result: u32| {
        let now = caller.data().time_of_day();
        write(&mut caller, result, &now.to_le_bytes())?;
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |mut caller: Host<'_>, milliseconds: u32| {
            started(&caller, "proxy_set_tick_period_milliseconds")?;
            let period = Duration::from_millis(milliseconds.into());
            let state = caller.data_mut();
            let tick = (!period.is_zero()).then_some(Tick { period, next: state.now + period });
            let root = state.acting_root();
            state.roots.get_mut(&root).unwrap().tick = tick;
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}

fn callouts(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut caller: Host<'_>,
         cluster: u32,
         cluster_length: u32,
         headers: u32,
         headers_length: u32,
         body: u32,
         body_length: u32,
         _trailers: u32,
         _trailers_length: u32,
         timeout: u32,
         return_token: u32| {
            started(&caller, "proxy_http_call")?;
            let cluster = String::from_utf8(read(&mut caller, cluster, cluster_length)?)?;
            let headers = decode_pairs(&read(&mut caller, headers, headers_length)?);
            let body = read(&mut caller, body, body_length)?;
            let Some(headers) = headers else { return Ok(Status::BadArgument.code()) };
            let complete = [":method", ":path", ":authority"]
                .iter()
                .all(|name| headers.iter().any(|(each, value)| each == name && !value.is_empty()));
            let state = caller.data_mut();
            let callout = Callout {
                token: u32::try_from(state.callouts.len() + 1)?,
                cluster,
                headers,
                body,
                timeout: Duration::from_millis(timeout.into()),
                at: state.now,
                by: state.acting(),
                root: state.acting_root(),
                phase: state.phase,
            };
            let status =
                if !complete || timeout.cast_signed() < 0 || !state.clusters.contains(&callout.cluster) {
                    Status::BadArgument
                } else if state.clusters_without_endpoint.contains(&callout.cluster) {
                    Status::InternalFailure
                } else {
                    Status::Ok
                };
            let token = callout.token;
            if status == Status::Ok {
                state.callouts.push(callout);
                write_u32(&mut caller, return_token, token)?;
            } else {
                state.refused_callouts.push(callout);
            }
            Ok(status.code())
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut caller: Host<'_>,
         name: u32,
         name_length: u32,
         arguments: u32,
         arguments_length: u32,
         return_pointer: u32,
         return_length: u32| {
            started(&caller, "proxy_call_foreign_function")?;
            let name = read(&mut caller, name, name_length)?;
            let arguments = read(&mut caller, arguments, arguments_length)?;
            if name != b"verify_signature" {
                return Ok(Status::NotFound.code());
            }
            caller.data_mut().verify_calls += 1;
            match signature::call(caller.data().verify, &arguments) {
                Ok(result) => {
                    give(&mut caller, &result, return_pointer, return_length)?;
                    Ok(Status::Ok.code())
                }
                Err(status) => Ok(status.code()),
            }
        },
    )?;
    Ok(())
}

fn shared_data(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut caller: Host<'_>, key: u32, key_length: u32, value: u32, value_length: u32, return_cas: u32| {
            started(&caller, "proxy_get_shared_data")?;
            let key = read(&mut caller, key, key_length)?;
            let found = caller.data().shared.borrow().entries.get(&key).cloned();
            let Some((found, cas)) = found else { return Ok(Status::NotFound.code()) };
            give(&mut caller, &found, value, value_length)?;
            write_u32(&mut caller, return_cas, cas)?;
            Ok(Status::Ok.code())
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut caller: Host<'_>, key: u32, key_length: u32, value: u32, value_length: u32, cas: u32| {
            started(&caller, "proxy_set_shared_data")?;
            let key = read(&mut caller, key, key_length)?;
            let value = read(&mut caller, value, value_length)?;
            let shared = caller.data().shared.clone();
            let mut shared = shared.borrow_mut();
            // A missing key accepts any number: that is how a module takes a lock in Envoy.
            if let Some((_, current)) = shared.entries.get(&key)
                && cas != 0
                && cas != *current
            {
                return Ok(Status::CasMismatch.code());
            }
            shared.next += 1;
            let next = shared.next;
            shared.entries.insert(key, (value, next));
            Ok(Status::Ok.code())
        },
    )?;
    Ok(())
}

fn metrics(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut caller: Host<'_>, kind: u32, name: u32, name_length: u32, return_id: u32| {
            started(&caller, "proxy_define_metric")?;
            let name = String::from_utf8(read(&mut caller, name, name_length)?)?;
            let state = caller.data_mut();
            let root = state.acting_root();
            if state.metrics.iter().any(|metric| metric.root == root && metric.name == name) {
                state
                    .violations
                    .push(format!("metric {name} was defined twice: each definition is a new id"));
            }
            state.metrics.push(Metric { root, kind, name, value: 0 });
            let id = u32::try_from(state.metrics.len())?;
            write_u32(&mut caller, return_id, id)?;
            Ok(Status::Ok.code())
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |mut caller: Host<'_>, id: u32, offset: i64| {
        started(&caller, "proxy_increment_metric")?;
        let Some(metric) = metric(caller.data_mut(), id) else { return Ok(Status::NotFound.code()) };
        // A counter only grows; a gauge goes both ways; Envoy refuses a counter's zero.
        if metric.kind == 0 && offset <= 0 || metric.kind == 2 {
            return Ok(Status::BadArgument.code());
        }
        metric.value = metric.value.saturating_add_signed(offset);
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap("env", "proxy_record_metric", |mut caller: Host<'_>, id: u32, value: u64| {
        started(&caller, "proxy_record_metric")?;
        let Some(metric) = metric(caller.data_mut(), id) else { return Ok(Status::NotFound.code()) };
        metric.value = if metric.kind == 0 { metric.value + value } else { value };
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap("env", "proxy_get_metric", |mut caller: Host<'_>, id: u32, result: u32| {
        started(&caller, "proxy_get_metric")?;
        let Some(metric) = metric(caller.data_mut(), id) else { return Ok(Status::NotFound.code()) };
        let value = metric.value.to_le_bytes();
        write(&mut caller, result, &value)?;
        Ok(Status::Ok.code())
    })?;
    Ok(())
}

fn metric(state: &mut State, id: u32) -> Option<&mut Metric> {
    state.metrics.get_mut(usize::try_from(id).ok()?.checked_sub(1)?)
}

fn contexts(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_set_effective_context", |mut caller: Host<'_>, id: u32| {
        started(&caller, "proxy_set_effective_context")?;
        let state = caller.data_mut();
        if !state.roots.contains_key(&id) && !state.streams.contains_key(&id) {
            return Ok(Status::BadArgument.code());
        }
        state.effective = Some(id);
        Ok(Status::Ok.code())
    })?;
    linker.func_wrap("env", "proxy_done", |_caller: Host<'_>| Status::Ok.code())?;
    Ok(())
}
