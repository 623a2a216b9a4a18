import time
from pathlib import Path

from keeper.world.tape.download import download
from keeper.world.tape.opening import open_tape
from tests.world.tape.conftest import PastPool


def test_it(past_pool: PastPool, tmp_path: Path):
    t = time.time()
    node = past_pool.node()
    m = download(node, past_pool.multicall(node), past_pool.wanted(), tmp_path / "a")
    print(time.time() - t, past_pool.last_block, m.rows, m.defects, m.opening and m.opening.sqrt_price_x96, m.closing)
    m2 = download(
        node,
        past_pool.multicall(node),
        past_pool.wanted(first_block=past_pool.last_block - 20),
        tmp_path / "b",
        workers=2,
        first_blocks=3,
    )
    print(m2.rows, m2.defects, m2.opening and len(m2.opening.ticks), m2.opening_missing)
    x = open_tape(tmp_path / "a")
    from collections import Counter

    print(Counter(e.kind.name for b in x.batches() for e in map(b.event, range(len(b)))))
    assert 0
