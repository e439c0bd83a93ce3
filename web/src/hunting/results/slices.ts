// Long work in small slices, so that the page answers while it goes on.

// Stopped is thrown into work that nobody waits for any more.
export class Stopped extends Error {}

// Slices gives work its time: pause() returns at once until the slice is used up, and then lets the page do what waits.
export class Slices {
  private until: number;
  // Work that was cut into slices reports how many it took.
  count = 1;

  constructor(
    private readonly signal?: AbortSignal,
    private readonly ms = 10,
  ) {
    this.until = performance.now() + ms;
  }

  // due is true when the slice is used up; ask it every few hundred steps.
  due(): boolean {
    return performance.now() >= this.until;
  }

  async pause(): Promise<void> {
    if (this.signal?.aborted) throw new Stopped();
    if (!this.due()) return;
    await breath();
    this.count++;
    if (this.signal?.aborted) throw new Stopped();
    this.until = performance.now() + this.ms;
  }
}

// breath waits until the page has done what was waiting. A message is faster than a timer, which browsers hold back.
function breath(): Promise<void> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(0);
  });
}
