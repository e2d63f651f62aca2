use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().expect("it is one")
}

/// Room for little, half of it for one client.
fn tight() -> Arc<Ledger> {
    Ledger::new(Bounds {
        connections: 3,
        client_connections: 2,
        files: 8,
        client_files: 4,
        content: 100,
        client_content: 50,
        heads: 100,
        client_heads: 50,
    })
}

const NOTHING: Holdings = Holdings { connections: 0, answers: 0, files: 0, content: 0, heads: 0 };

#[test]
fn a_connection_leaves_the_books_without_a_trace() {
    let ledger = tight();
    let (one, other) = (address("192.0.2.1"), address("2001:db8::1"));
    let first = ledger.connect(one).unwrap();
    let _second = ledger.connect(one).unwrap();
    assert_eq!(ledger.connect(one).unwrap_err(), Full::Client);
    let third = ledger.connect(other).unwrap();
    assert_eq!(ledger.connect(other).unwrap_err(), Full::All);
    drop(third);
    assert_eq!(ledger.lock().len(), 1, "who has gone is forgotten");
    drop(first);
    let _again = ledger.connect(one).unwrap();
    assert_eq!(ledger.holdings(), Holdings { connections: 2, ..NOTHING });
}

#[test]
fn a_request_through_a_proxy_is_in_the_books_of_its_client() {
    let ledger = tight();
    let (client, other) = (address("192.0.2.1"), address("192.0.2.2"));
    let proxy = ledger.connect(address("10.0.0.1")).unwrap();
    let (first, second) = (proxy.account().visit(client), proxy.account().visit(client));
    assert!(Arc::ptr_eq(first.account(), second.account()));
    let waiting = first.account().wait(30);
    assert_eq!(second.account().holdings(), Holdings { answers: 1, heads: 30, ..NOTHING });
    assert_eq!(proxy.account().holdings(), Holdings { connections: 1, ..NOTHING });
    let apart = proxy.account().visit(other);
    assert_eq!(apart.account().holdings(), NOTHING);
    assert_eq!(ledger.lock().len(), 3);
    drop((first, apart));
    assert_eq!(ledger.lock().len(), 2, "one request of the client is left");
    let own = ledger.connect(client).unwrap();
    assert!(Arc::ptr_eq(own.account(), second.account()));
    drop((second, waiting));
    assert_eq!(ledger.lock().len(), 2, "its own connection is left");
    drop((own, proxy));
    assert_eq!((ledger.lock().len(), ledger.holdings()), (0, NOTHING));
}

#[test]
fn the_books_of_a_flood_are_closed() {
    const CLIENTS: u32 = 100_000;
    let ledger = Ledger::new(Bounds::NONE);
    let connected: Vec<Connected> = (0..CLIENTS)
        .map(|number| ledger.connect(IpAddr::from(number.to_be_bytes())).unwrap())
        .collect();
    drop(connected);
    let left = ledger.lock().capacity();
    assert!(left <= 2 * KEPT_CLIENTS, "room for {left} clients is kept");
    assert_eq!(ledger.holdings(), NOTHING);
}

/// Asks for answers in the making as long as it may; gives how many that were.
fn ask(client: &Connected, waiting: &mut Vec<Waiting>) -> usize {
    let before = waiting.len();
    while client.account().may_ask() {
        waiting.push(client.account().wait(AWAITED_BYTES));
    }
    waiting.len() - before
}

#[test]
fn who_has_too_many_answers_waiting_may_not_ask_and_others_may() {
    let ledger = Ledger::new(Bounds { heads: 100 * AWAITED_BYTES, ..Bounds::NONE });
    let connect = |number| ledger.connect(IpAddr::from([192, 0, 2, number])).unwrap();
    let mut waiting = Vec::new();
    let greedy = connect(0);
    // Half of what there is left, and never less than a few.
    let others: Vec<_> = (1..=6).map(connect).collect();
    assert_eq!(ask(&greedy, &mut waiting), 50);
    let asked: Vec<_> = others.iter().map(|other| ask(other, &mut waiting)).collect();
    assert_eq!(asked, [25, 13, 6, 4, 4, 4]);
    waiting.clear();
    assert!(greedy.account().may_ask());
    assert_eq!(greedy.account().holdings(), Holdings { connections: 1, ..NOTHING });
}

#[test]
fn content_is_held_up_to_the_bound_of_each_and_of_all() {
    let ledger = Ledger::new(Bounds { content: 100, ..Bounds::NONE });
    let clients: Vec<_> =
        (1..=3).map(|number| ledger.connect(IpAddr::from([192, 0, 2, number])).unwrap()).collect();
    let mut answers: Vec<_> = clients.iter().map(|client| client.account().wait(0)).collect();
    // Whose answer, how many bytes more, and whether they may be held.
    let table = [(0, 40, true), (0, 40, false), (1, 30, true), (2, 31, false), (2, 20, true)];
    for (index, content, expected) in table {
        assert_eq!(answers[index].hold(content), expected, "{content} bytes of {index}");
    }
    assert_eq!(ledger.holdings().content, 90);
    assert!(answers.iter().all(Waiting::holds));
    drop(answers);
    assert_eq!(ledger.holdings(), Holdings { connections: 3, ..NOTHING });
}

#[test]
fn no_client_holds_more_than_half_of_the_content() {
    // Bytes that are asked for one after the other by one client, of 100, and those that it holds.
    let table: [(&[usize], usize); 5] =
        [(&[50], 50), (&[51], 0), (&[30, 30], 30), (&[30, 30, 20], 50), (&[15, 15, 15, 15, 5], 50)];
    for (asked, expected) in table {
        let ledger = Ledger::new(Bounds { content: 100, ..Bounds::NONE });
        let client = ledger.connect(IpAddr::from([192, 0, 2, 1])).unwrap();
        let mut answers: Vec<_> = asked.iter().map(|_| client.account().wait(0)).collect();
        for (answer, content) in answers.iter_mut().zip(asked) {
            let _ = answer.hold(*content);
        }
        assert_eq!(ledger.holdings().content, expected, "{asked:?}");
    }
}

#[tokio::test]
async fn half_of_the_files_are_left_to_answers_that_move() {
    let ledger = tight();
    let clients: Vec<_> =
        (1..=3).map(|number| ledger.connect(IpAddr::from([192, 0, 2, number])).unwrap()).collect();
    let [one, two, three] = [0, 1, 2].map(|index| clients[index].account());
    let mut open = vec![one.open_file().await];
    assert!(one.may_keep_a_file());
    open.push(one.open_file().await);
    assert!(!one.may_keep_a_file(), "it has as many as there are left to keep");
    assert!(two.may_keep_a_file());
    for _ in 0..4 {
        open.push(two.open_file().await);
    }
    assert!(!three.may_keep_a_file(), "more than half are open");
    // Whoever has as many as one client may have waits for his own; others have what is left.
    let mut waiting = Box::pin(two.open_file());
    assert!(asked_once(waiting.as_mut()).is_none());
    open.extend([three.open_file().await, three.open_file().await]);
    let mut last = Box::pin(three.open_file());
    assert!(asked_once(last.as_mut()).is_none(), "there is no file left");
    drop(open);
    last.await;
    waiting.await;
    assert_eq!(ledger.holdings(), Holdings { connections: 3, ..NOTHING });
}

#[test]
fn what_connections_keep_is_counted_until_they_end() {
    const MUCH: usize = SMALL_HEADS;
    let bounds = Bounds { heads: 6 * MUCH, client_heads: 3 * MUCH, ..Bounds::NONE };
    let ledger = Ledger::new(bounds);
    let connected = ledger.connect(address("192.0.2.1")).unwrap();
    let other = ledger.connect(address("192.0.2.2")).unwrap();
    let (one, other) = (connected.account(), other.account());
    let (first, second) = (one.keep(), one.keep());
    assert!(first.set(MUCH / 2) && first.set(MUCH) && first.set(2 * MUCH));
    assert!(!second.set(MUCH), "as much as there is left");
    assert!(other.keep().set(MUCH / 2), "a little is always left to others");
    assert!(second.set(0) && first.set(MUCH), "less is never too much");
    assert_eq!(ledger.holdings().heads, MUCH);
    drop((first, second));
    assert_eq!(ledger.holdings(), Holdings { connections: 2, ..NOTHING });
}

/// A connection that waits until its client may keep bytes, and how often it was woken.
struct KeptLater<'a> {
    waiting: std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<'a> KeptLater<'a> {
    fn new(kept: &'a Kept, bytes: usize) -> Self {
        Self { waiting: Box::pin(kept.when_free(bytes)), woken: Arc::default() }
    }

    /// True if the bytes are in the books now.
    fn is_ready(&mut self) -> bool {
        let waker = std::task::Waker::from(Arc::clone(&self.woken));
        self.waiting.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_ready()
    }

    /// True if it was woken since the last time.
    fn was_woken(&self) -> bool {
        self.woken.0.swap(0, Ordering::Relaxed) > 0
    }
}

#[test]
fn whoever_waits_to_keep_bytes_is_woken_when_they_are_free_and_not_before() {
    const MUCH: usize = SMALL_HEADS;
    let ledger = Ledger::new(Bounds { heads: 14 * MUCH, ..Bounds::NONE });
    let connect = |host| ledger.connect(IpAddr::from([192, 0, 2, host])).unwrap();
    let [a, b, c, d] = [1, 2, 3, 4].map(connect);
    let holding = |client: &Connected, count: usize| {
        let kept = client.account().keep();
        let _ = kept.set(count * MUCH);
        kept
    };
    let (of_a, of_b, of_c, of_d) = (holding(&a, 4), holding(&b, 3), holding(&c, 2), holding(&d, 2));
    let later = [&a, &b, &c, &c].map(|client| client.account().keep());
    let mut waits = [0, 1, 2, 3].map(|index| KeptLater::new(&later[index], MUCH));
    for wait in &mut waits {
        assert!(!wait.is_ready(), "three parts of fourteen are free, and each holds two or more");
    }
    assert_eq!(ledger.holdings().heads, 11 * MUCH, "who waits keeps nothing");
    drop(of_d);
    assert_eq!(
        waits.each_ref().map(KeptLater::was_woken),
        [false, false, true, false],
        "who holds least is the first"
    );
    let [for_a, for_b, for_c, behind_c] = &mut waits;
    assert!(for_c.is_ready());
    assert!(behind_c.was_woken() && !behind_c.is_ready(), "the next of its client has its turn");
    drop(of_c);
    assert!(!for_a.was_woken() && for_b.was_woken() && behind_c.was_woken());
    assert!(behind_c.is_ready());
    assert!(!for_b.is_ready() && !for_b.was_woken(), "another has taken what was free");
    drop(of_b);
    assert!(for_a.was_woken() && for_b.was_woken());
    assert!(for_b.is_ready() && for_a.is_ready());
    drop((of_a, waits));
    drop(later);
    assert!(ledger.queue.is_empty());
    assert_eq!(ledger.holdings().heads, 0);
}

#[test]
fn a_connection_that_gives_up_waiting_leaves_its_turn_to_the_next() {
    const MUCH: usize = SMALL_HEADS;
    let ledger = Ledger::new(Bounds { heads: 8 * MUCH, ..Bounds::NONE });
    let connected = ledger.connect(address("192.0.2.1")).unwrap();
    let one = connected.account();
    let held = one.keep();
    assert!(held.set(2 * MUCH));
    let all = one.keep();
    let _ = all.set(4 * MUCH);
    let [first, second] = [one.keep(), one.keep()];
    let mut first = KeptLater::new(&first, MUCH);
    let mut second = KeptLater::new(&second, MUCH);
    assert!(!first.is_ready() && !second.is_ready());
    drop(all);
    assert!(first.was_woken());
    drop(first);
    assert!(second.was_woken() && second.is_ready());
}

/// The output of a future that is polled once.
fn asked_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
