//! The runtime port: clocks, timers and chance of the host.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use casehug_clio::ports::{BoxFuture, Runtime};
use casehug_clio::{Code, Error, Monotonic, Result, Timestamp};
use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;

use crate::executor;
use crate::host::{self, Timer};

#[derive(Clone, Copy, Debug)]
pub(crate) struct JsRuntime;

impl Runtime for JsRuntime {
    fn now(&self) -> Timestamp {
        // Whole milliseconds, far from any limit.
        #[allow(clippy::cast_possible_truncation)]
        Timestamp(host::with(host::Host::now).unwrap_or(0.0) as i64)
    }

    fn monotonic(&self) -> Monotonic {
        let millis = host::with(host::Host::monotonic).unwrap_or(0.0);
        Monotonic(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Ok(timer) = host::with(|host| host.timer(duration.as_secs_f64() * 1000.0)) {
                Sleep { over: JsFuture::from(timer.over()), timer }.await;
            }
        })
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        // A task without a promise.
        executor::spawn(async move {
            work.await;
            Ok(executor::NOTHING.to_owned())
        });
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        let failed = || Error::new(Code::RuntimeFailed).with("source", "random");
        let bytes = Uint8Array::new_with_length(u32::try_from(out.len()).map_err(|_| failed())?);
        host::with(|host| host.random(&bytes)).map_err(|_| failed())?;
        bytes.copy_to(out);
        Ok(())
    }
}

/// A timer that ends when nobody waits for it any more, as it would keep the process alive.
struct Sleep {
    over: JsFuture,
    timer: Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.over).poll(context).map(|_| ())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _ = self.timer.cancel();
    }
}
