// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

// Tokens that are not what they seem. Each behaves until it is armed, so that a pool can be made and filled before.
// The storage begins as that of the local chain's plain Token: any of these codes can take its place at its address.

abstract contract Ledger {
    string public name;
    string public symbol;
    uint256 public totalSupply;
    mapping(address => uint256) internal held;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public mischief;
    uint256 internal armedAt;
    uint8 public immutable decimals;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    constructor(uint8 decimals_) {
        name = "Mischief";
        symbol = "MISS";
        decimals = decimals_;
    }

    function arm(uint256 value) external {
        mischief = value;
        armedAt = block.timestamp;
    }

    function mint(address to, uint256 value) external {
        totalSupply += value;
        held[to] += value;
        emit Transfer(address(0), to, value);
    }

    function balanceOf(address who) public view virtual returns (uint256) {
        return held[who];
    }

    function _approve(address spender, uint256 value) internal virtual {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    function _spend(address from, uint256 value) internal {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value, "allowance too small");
        allowance[from][msg.sender] = allowed - value;
    }

    function _move(address from, address to, uint256 value) internal virtual {
        require(held[from] >= value, "balance too small");
        held[from] -= value;
        held[to] += value;
        emit Transfer(from, to, value);
    }
}

abstract contract Returning is Ledger {
    function approve(address spender, uint256 value) external returns (bool) {
        _approve(spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external virtual returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external virtual returns (bool) {
        _spend(from, value);
        _move(from, to, value);
        return true;
    }
}

contract Plain is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}
}

/// Keeps so many bps of every transfer for nobody.
contract FeeOnTransfer is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function _move(address from, address to, uint256 value) internal override {
        super._move(from, to, value);
        uint256 fee = value * mischief / 10000;
        held[to] -= fee;
        totalSupply -= fee;
    }
}

/// Balances grow by so many parts per million a day.
contract RebasingByTime is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function balanceOf(address who) public view override returns (uint256) {
        return held[who] * (1e6 + mischief * (block.timestamp - armedAt) / 1 days) / 1e6;
    }
}

/// Balances are shares of a pot, whose size somebody reports now and then (as stETH's are).
contract RebasingByReport is Returning {
    uint256 private gained;

    constructor(uint8 decimals_) Ledger(decimals_) {}

    function report(uint256 more) external {
        gained += more;
    }

    function sharesOf(address who) external view returns (uint256) {
        return held[who];
    }

    function balanceOf(address who) public view override returns (uint256) {
        return totalSupply == 0 ? 0 : held[who] * (totalSupply + gained) / totalSupply;
    }
}

/// Nothing to read off it but the function that changes all balances (as Ampleforth's).
contract RebasingByCall is Returning {
    uint256 private factor = 1e6;

    constructor(uint8 decimals_) Ledger(decimals_) {}

    function rebase(uint256, int256 partsPerMillion) external {
        factor = uint256(int256(factor) + partsPerMillion);
    }

    function balanceOf(address who) public view override returns (uint256) {
        return factor == 0 ? held[who] : held[who] * factor / 1e6;
    }
}

/// Answers false and moves nothing, where others revert.
contract FalseReturning is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function transfer(address to, uint256 value) external override returns (bool) {
        if (mischief != 0) return false;
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external override returns (bool) {
        if (mischief != 0) return false;
        _spend(from, value);
        _move(from, to, value);
        return true;
    }
}

/// Returns nothing, and an approval must go to zero before it changes (as USDT's).
contract NothingReturning is Ledger {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0, "to zero first");
        _approve(spender, value);
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        _spend(from, value);
        _move(from, to, value);
    }
}

/// Calls the recipient, who may do anything then (as ERC-777's).
contract Hooked is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function _move(address from, address to, uint256 value) internal override {
        super._move(from, to, value);
        if (mischief == 0) return;
        (bool done, ) = to.call(abi.encodeWithSignature("tokensReceived(address,uint256)", from, value));
        done;
    }
}

contract Pausable is Returning {
    bool public paused;

    constructor(uint8 decimals_) Ledger(decimals_) {}

    function pause() external {
        paused = true;
    }

    function unpause() external {
        paused = false;
    }

    function _approve(address spender, uint256 value) internal override {
        require(!paused, "Pausable: paused");
        super._approve(spender, value);
    }

    function _move(address from, address to, uint256 value) internal override {
        require(!paused, "Pausable: paused");
        super._move(from, to, value);
    }
}

/// Blocks transfers of and to some, but takes their approvals (as USDT does).
contract Blacklisting is Returning {
    mapping(address => bool) public isBlacklisted;

    constructor(uint8 decimals_) Ledger(decimals_) {}

    function blacklist(address who) external {
        isBlacklisted[who] = true;
    }

    function _move(address from, address to, uint256 value) internal override {
        require(!isBlacklisted[from] && !isBlacklisted[to], "Blacklistable: account is blacklisted");
        super._move(from, to, value);
    }
}

/// Does not say what anybody has.
contract BrokenBalance is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function balanceOf(address who) public view override returns (uint256) {
        require(mischief == 0, "no balances today");
        return held[who];
    }
}

/// Returns so many bytes from a transfer.
contract HugeReturning is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function transfer(address to, uint256 value) external override returns (bool) {
        _move(msg.sender, to, value);
        uint256 size = mischief;
        if (size != 0) {
            assembly {
                mstore(0, 1)
                return(0, size)
            }
        }
        return true;
    }
}

/// Burns so much gas in every transfer.
contract GasBurner is Returning {
    constructor(uint8 decimals_) Ledger(decimals_) {}

    function _move(address from, address to, uint256 value) internal override {
        uint256 start = gasleft();
        while (start - gasleft() < mischief) {}
        super._move(from, to, value);
    }
}
