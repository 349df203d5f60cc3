//! A TCP connection to a port that need not be open.

use crate::reach::{Reach, of_error};
use shared_model::Clock;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// Connects and hangs up. A refusal comes from the peer's kernel, so that it is reached as well.
pub(crate) async fn reach(
    address: IpAddr,
    port: u16,
    patience: Duration,
    clock: &dyn Clock,
) -> Reach {
    let begun = clock.boot();
    let target = SocketAddr::new(address, port);
    match tokio::time::timeout(patience, TcpStream::connect(target)).await {
        Err(_) => Reach::NotReached,
        Ok(Ok(_)) => Reach::Reached(clock.boot().since(begun)),
        Ok(Err(error))
            if matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ) =>
        {
            Reach::Reached(clock.boot().since(begun))
        }
        Ok(Err(error)) => of_error(&error, target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_runtime::SystemClock;
    use std::net::Ipv4Addr;
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_millis(500);

    /// Scenario: an open port, a closed one, and an address to which this node has no route. Guarantees: reached, reached, and
    /// nothing said about the peer.
    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(matches!(reach(localhost, port, PATIENCE, &SystemClock).await, Reach::Reached(_)));
        drop(listener);
        assert!(matches!(reach(localhost, port, PATIENCE, &SystemClock).await, Reach::Reached(_)));
        let nowhere = IpAddr::V4(Ipv4Addr::BROADCAST);
        assert!(matches!(reach(nowhere, 9, PATIENCE, &SystemClock).await, Reach::NotTried(_)));
    }
}
