//! A computer that is opened without a network. It reports that it knows nothing, and continues
//! once the network is back.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;

/// A TCP relay to the staging machine that a test can close for a while.
struct Way {
    port: u16,
    to: u16,
    tasks: JoinSet<()>,
}

impl Way {
    async fn to(to: u16) -> Self {
        let mut way = Self { port: 0, to, tasks: JoinSet::new() };
        way.open().await;
        way
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("a port");
        self.port = listener.local_addr().expect("an address").port();
        let to = self.to;
        self.tasks.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                passing.spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    }

    async fn cut(&mut self) {
        self.tasks.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn finds_a_job_again_after_a_network_outage() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let mut way = Way::to(desk.profile.host.port).await;
    desk.profile.host.port = way.port;
    let release = prepare(&desk).await;
    deploy(&release, &desk).await;
    let id = StepId::BackUp;
    press(&release, id).await;
    desk.until_started("backup", &release).await;
    let run = release.view().id;
    release.close().await;
    way.cut().await;

    let again = desk.open(&run).await;
    until(&again, "the doubt", |view| status(view, id) == Status::InDoubt).await;
    let opened_at = desk.clock.now();
    while opened_at.until_or_zero(desk.clock.now()) < Duration::from_secs(900) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&again.view(), id), Status::InDoubt, "nobody answered, so nothing is known");
    way.open().await;
    let view = until(&again, "the end of the backup, without a person", |view| {
        !matches!(status(view, id), Status::Running | Status::InDoubt)
    })
    .await;
    assert_eq!(status(&view, id), Status::Succeeded, "{}", told(&view));
    assert_eq!(desk.starts("backup"), 1, "it started once");
    let _ = desk.handle.stop().await;
}
