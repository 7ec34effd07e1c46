import assert from "node:assert/strict";
import { narrow } from "../../lib/cluster/mod.ts";

/** Which of these addresses a port answers at. */
async function answers(port: number, hostnames: readonly string[]): Promise<string[]> {
  const heard = await Promise.all(hostnames.map(async (hostname) => {
    const signal = AbortSignal.timeout(500);
    try {
      (await Deno.connect({ hostname, port, signal })).close();
      return true;
    } catch { // refused, or dropped
      return false;
    }
  }));
  return hostnames.filter((_, i) => heard[i]);
}

Deno.test({
  name: "a port that is open at all addresses answers at one, or it is said why not",
  ignore: Deno.build.os !== "linux", // 127.0.0.2 answers on Linux alone
  async fn() {
    using listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const { port } = listener.addr as Deno.NetAddr, both = ["127.0.0.1", "127.0.0.2"];
    assert.deepEqual(await answers(port, both), both);

    assert.match(await narrow(`192.0.2.77:${port}`) ?? "", /192\.0\.2\.77.*another address to others/);
    assert.match(await narrow(`no-such-host.invalid:${port}`) ?? "", /means nothing/);
    assert.deepEqual(await answers(port, both), both);

    const obstacle = await narrow(`127.0.0.2:${port}`);
    if (obstacle) assert.match(obstacle, /CAP_NET_ADMIN/);
    assert.deepEqual(await answers(port, both), obstacle ? both : ["127.0.0.2"]);
  },
});

Deno.test({
  name: "IPv6: a port that is open at all addresses answers at one",
  ignore: Deno.build.os !== "linux" || !Deno.networkInterfaces().some(({ address }) => address === "::1"),
  async fn() {
    using listener = Deno.listen({ hostname: "::", port: 0 });
    const { port } = listener.addr as Deno.NetAddr, both = ["127.0.0.1", "::1"];
    assert.deepEqual(await answers(port, both), both);
    if (await narrow(`[::1]:${port}`) === undefined) assert.deepEqual(await answers(port, both), ["::1"]);
    if (await narrow(`127.0.0.1:${port}`) === undefined) {
      assert.deepEqual(await answers(port, both), ["127.0.0.1"]);
    }
  },
});
