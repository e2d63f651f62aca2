onmessage = message => {
  Atomics.store(message.data, 0, 42);
  postMessage("done");
};
