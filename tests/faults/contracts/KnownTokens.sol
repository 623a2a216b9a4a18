// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

// The manners of widely held tokens, each with what sets it apart from a textbook one. All must pass as plain.

abstract contract Held {
    mapping(address => uint256) internal _balances;
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    function mint(address to, uint256 value) external virtual {
        _balances[to] += value;
    }

    function _move(address from, address to, uint256 value) internal {
        require(_balances[from] >= value, "balance too small");
        _balances[from] -= value;
        _balances[to] += value;
        emit Transfer(from, to, value);
    }
}

// Any call it does not know is a deposit, and succeeds; an unlimited allowance is not used up.
contract WrappedNative is Held {
    mapping(address => mapping(address => uint256)) public allowance;

    receive() external payable { deposit(); }
    fallback() external payable { deposit(); }

    function deposit() public payable { _balances[msg.sender] += msg.value; }
    function withdraw(uint256 value) external {
        require(_balances[msg.sender] >= value);
        _balances[msg.sender] -= value;
        msg.sender.transfer(value);
    }
    function balanceOf(address who) external view returns (uint256) { return _balances[who]; }
    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }
    function transfer(address to, uint256 value) external returns (bool) { return transferFrom(msg.sender, to, value); }
    function transferFrom(address from, address to, uint256 value) public returns (bool) {
        if (from != msg.sender && allowance[from][msg.sender] != uint256(-1)) {
            require(allowance[from][msg.sender] >= value);
            allowance[from][msg.sender] -= value;
        }
        _move(from, to, value);
        return true;
    }
}

interface Receiver {
    function onTokenTransfer(address from, uint256 value, bytes calldata data) external;
}

// ERC-677: calls its recipient, but in transferAndCall alone; not to itself and not to nobody.
contract CallsWhenAsked is Held {
    mapping(address => mapping(address => uint256)) public allowance;

    modifier validRecipient(address to) {
        require(to != address(0) && to != address(this));
        _;
    }

    function balanceOf(address who) external view returns (uint256) { return _balances[who]; }
    function approve(address spender, uint256 value) external validRecipient(spender) returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }
    function transfer(address to, uint256 value) public validRecipient(to) returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }
    function transferAndCall(address to, uint256 value, bytes calldata data) external returns (bool) {
        transfer(to, value);
        Receiver(to).onTokenTransfer(msg.sender, value, data);
        return true;
    }
    function transferFrom(address from, address to, uint256 value) external validRecipient(to) returns (bool) {
        require(allowance[from][msg.sender] >= value);
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
        return true;
    }
}

// Balances and allowances in 96 bits, votes that move with a transfer; 2^256 - 1 approves 2^96 - 1.
contract Votes96 is Held {
    mapping(address => mapping(address => uint96)) internal _allowances;
    mapping(address => address) public delegates;
    mapping(address => uint96) public votes;

    function balanceOf(address who) external view returns (uint256) { return _balances[who]; }
    function allowance(address from, address spender) external view returns (uint256) { return _allowances[from][spender]; }
    function _safe96(uint256 value) internal pure returns (uint96) {
        require(value < 2**96, "amount exceeds 96 bits");
        return uint96(value);
    }
    function approve(address spender, uint256 value) external returns (bool) {
        _allowances[msg.sender][spender] = value == uint256(-1) ? uint96(-1) : _safe96(value);
        return true;
    }
    function _moveVotes(address from, address to, uint96 value) internal {
        if (from == to || value == 0) return;
        if (from != address(0)) votes[from] -= value;
        if (to != address(0)) votes[to] += value;
    }
    function transfer(address to, uint256 value) external returns (bool) {
        require(to != address(0));
        _move(msg.sender, to, _safe96(value));
        _moveVotes(delegates[msg.sender], delegates[to], uint96(value));
        return true;
    }
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint96 allowed = _allowances[from][msg.sender];
        uint96 amount = _safe96(value);
        if (msg.sender != from && allowed != uint96(-1)) {
            require(allowed >= amount);
            _allowances[from][msg.sender] = allowed - amount;
        }
        _move(from, to, amount);
        _moveVotes(delegates[from], delegates[to], amount);
        return true;
    }
}

// Returns nothing, can take a fee and takes none now, approvals go to zero first, short calldata is refused.
contract CouldTakeAFee is Held {
    mapping(address => mapping(address => uint256)) public allowed;
    mapping(address => bool) public isBlackListed;
    uint256 public basisPointsRate;
    uint256 public maximumFee;
    bool public paused;
    address public upgradedAddress;
    bool public deprecated;
    address internal owner = address(1);

    modifier onlyPayloadSize(uint256 size) {
        require(msg.data.length >= size + 4);
        _;
    }

    function balanceOf(address who) external view returns (uint256) { return _balances[who]; }
    function allowance(address from, address spender) external view returns (uint256) { return allowed[from][spender]; }
    function approve(address spender, uint256 value) external onlyPayloadSize(64) {
        require(value == 0 || allowed[msg.sender][spender] == 0);
        allowed[msg.sender][spender] = value;
    }
    function _pay(address from, address to, uint256 value) internal {
        require(!paused && !isBlackListed[from]);
        uint256 fee = value * basisPointsRate / 10000;
        if (fee > maximumFee) fee = maximumFee;
        _move(from, to, value - fee);
        if (fee > 0) _move(from, owner, fee);
    }
    function transfer(address to, uint256 value) external onlyPayloadSize(64) { _pay(msg.sender, to, value); }
    function transferFrom(address from, address to, uint256 value) external onlyPayloadSize(96) {
        if (allowed[from][msg.sender] < uint256(-1)) {
            require(allowed[from][msg.sender] >= value);
            allowed[from][msg.sender] -= value;
        }
        _pay(from, to, value);
    }
}

// Worth more and more of a rebasing token, itself fixed: its rates are read by names of their own.
contract WrappedShares is CallsWhenAsked {
    function stEthPerToken() external view returns (uint256) { return 1e18 + block.timestamp; }
    function getStETHByWstETH(uint256 value) external view returns (uint256) { return value + block.timestamp; }
    function exchangeRate() external view returns (uint256) { return 1e18 + block.timestamp; }
    function convertToAssets(uint256 value) external view returns (uint256) { return value + block.timestamp; }
}

// A bound on what a holder may have when it comes from the pool, switched off; a list of names.
contract OnceLimited is CallsWhenAsked {
    bool public limited;
    uint256 public maxHoldingAmount = 1;
    address public uniswapV2Pair;
    mapping(address => bool) public blacklists;
}
