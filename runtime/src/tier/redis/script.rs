//! What runs inside Redis. The texts are fixed: keys and values come as arguments.

use redis::Script;

/// Looks at the log, and begins one where there is none or where a part of it is missing or is no part of it: of another
/// type, without its numbers, or with an entry that no append has counted, after which none can be written. In a cluster
/// it also ends with the start of the server that it is on: frames on the others outlive what this one may have lost.
///
/// KEYS meta, stream, groups · ARGV a fresh epoch, the id of the highest record known, the id up to which was read, the
/// start of the server or nothing →
/// epoch, number, id of the last record, and of both ids: 1 if it is there, 2 if all up to it was trimmed, else 0
const MEET: &str = r"
local function is(key, kind)
    local found = redis.call('TYPE', key)['ok']
    return found == 'none' or found == kind
end
local function holds(id)
    if id == '' or #redis.call('XRANGE', KEYS[2], id, id, 'COUNT', 1) == 1 then return 1 end
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    local number = function(of) return tonumber(string.match(of, '^%d+')) end
    return oldest and number(oldest[1]) > number(id) and 2 or 0
end
local whole = is(KEYS[1], 'hash') and is(KEYS[2], 'stream') and is(KEYS[3], 'zset')
local epoch = whole and redis.call('HGET', KEYS[1], 'epoch')
if epoch and ARGV[4] ~= '' and redis.call('HGET', KEYS[1], 'server') ~= ARGV[4] then epoch = false end
local number = epoch and redis.call('HGET', KEYS[1], 'number')
local last = ''
if number and string.match(epoch, '^%d+$') and string.match(number, '^%d+$') then
    local entry = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
    last = entry and entry[1] or ''
    if entry and tonumber(string.match(last, '^%d+')) > tonumber(number) then epoch = false end
    if redis.call('HGET', KEYS[1], 'grouped') and redis.call('EXISTS', KEYS[3]) == 0 then epoch = false end
else
    epoch = false
end
if not epoch then
    redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'number', 0, 'server', ARGV[4])
    epoch, number, last = ARGV[1], '0', ''
end
return {epoch, number, last, holds(ARGV[2]), holds(ARGV[3])}
";

/// Ends an epoch, if it is still in force.
///
/// KEYS meta, stream, groups · ARGV epoch, a fresh one, the start of the server or nothing
const RENEW: &str = r"
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then
    redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
    redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'number', 0, 'server', ARGV[3])
end
return 1
";

/// Appends one entry: removes and fences the keys it names, remembers the groups, bounded, and writes the stream. A
/// stream that takes no entry, as one in which someone else has written, ends the epoch: its readers must not go on as if
/// nothing had been invalidated.
///
/// A fence stands before the key as its writer names it. Nodes that hide keys otherwise have other frames of it, which
/// no fence keeps out: so it is remembered by whose names keys were invalidated last, and for those nodes that is a
/// record of everything.
///
/// KEYS meta, stream, groups, then a frame and its fence for each key · ARGV epoch, node, nonce, entries kept, groups
/// kept, milliseconds of a fence, whose names, 1 if the entry is to say when it was taken, then the groups → number
const APPEND: &str = r"
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH the log has begun a new epoch') end
local number = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'number', 1))
for i = 4, #KEYS, 2 do
    redis.call('UNLINK', KEYS[i])
    redis.call('SET', KEYS[i + 1], ARGV[1] .. ':' .. number, 'PX', ARGV[6])
end
local by = ARGV[2]
if ARGV[8] == '1' then
    local time = redis.pcall('TIME')
    if time[2] then by = by .. '@' .. time[1] .. string.format('%06d', time[2]) end
end
local entry = {'by', by}
local grouped = false
for i = 9, #ARGV do
    if string.lower(string.sub(ARGV[i], 1, 2)) == 'k:' then redis.call('HSET', KEYS[1], 'k' .. ARGV[7], number) end
    entry[#entry + 1] = 'g'
    entry[#entry + 1] = ARGV[i]
    if string.sub(ARGV[i], 1, 2) ~= 'k:' then
        redis.call('ZADD', KEYS[3], number, ARGV[i])
        grouped = true
    end
end
local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], number .. '-' .. ARGV[3], unpack(entry))
if type(added) == 'table' and added['err'] then
    redis.call('UNLINK', KEYS[1])
    return redis.error_reply('EPOCH the log takes no entry')
end
if not grouped then return number end
redis.call('HSETNX', KEYS[1], 'grouped', 1)
local over = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[5])
if over > 0 then
    local old = redis.call('ZPOPMIN', KEYS[3], over)
    for i = 1, #old, 2 do
        local coarser = '*:'
        local kind = string.sub(old[i], 1, 1)
        if kind == 't' then coarser = 'T:' end
        if kind == 'p' or kind == 'K' then
            local namespace = string.match(old[i], '^[pK]:([^:*?]+):')
            if namespace then coarser = 'n:' .. namespace end
        end
        redis.call('HSET', KEYS[1], 'f' .. coarser, old[i + 1])
    end
end
return number
";

/// Opens a key again that was closed under this token: from this record on loads may store. Not if someone else has closed
/// it since. If nobody has, its closing was lost with the server that had it, and what it removed may be back. Which of
/// two epochs is the later one cannot be told here: then the key stays closed until its fence ends.
///
/// KEYS frame, fence · ARGV token, epoch, number, milliseconds of a fence
const OPEN: &str = r"
local fence = redis.pcall('GET', KEYS[2])
local opened = ARGV[2] .. ':' .. ARGV[3]
if type(fence) == 'string' and string.sub(fence, 1, 7) == 'closed:' then
    if fence ~= 'closed:' .. ARGV[1] then return 0 end
else
    redis.call('UNLINK', KEYS[1])
    local epoch, number = string.match(type(fence) == 'string' and fence or '', '^(%d+):(%d+)$')
    if epoch == ARGV[2] and tonumber(number) > tonumber(ARGV[3]) then return 0 end
    if epoch and epoch ~= ARGV[2] then opened = 'closed:' .. ARGV[1] end
end
redis.call('SET', KEYS[2], opened, 'PX', ARGV[4])
return 1
";

/// Stores a frame, unless its key is closed or was invalidated after its load began, or the lease under which it was loaded has
/// ended. The lease ends with it. What stands in the place of the fence and is none may have replaced one, so nothing is
/// stored beside it until a fence would have ended. A frame of a newer version is not overwritten.
///
/// KEYS frame, fence, lease · ARGV bytes, milliseconds to live, epoch and number of the birth, milliseconds of a fence,
/// token of the lease or nothing → stored?
const PUT: &str = r"
local fence = redis.pcall('GET', KEYS[2])
if type(fence) == 'table' then
    if redis.call('PTTL', KEYS[2]) == -1 then redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
    return 0
end
if fence then
    if string.sub(fence, 1, 7) == 'closed:' then return 0 end
    local epoch, number = string.match(fence, '^(%d+):(%d+)$')
    if epoch == ARGV[3] and tonumber(number) > tonumber(ARGV[4]) then return 0 end
end
if ARGV[6] ~= '' then
    if redis.call('GET', KEYS[3]) ~= ARGV[6] then return 0 end
    redis.call('UNLINK', KEYS[3])
end
local there = redis.pcall('GETRANGE', KEYS[1], 0, 2)
if type(there) == 'string' and #there == 3 and string.sub(there, 1, 2) == 'cf' then
    if string.byte(there, 3) > string.byte(ARGV[1], 3) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

/// Removes what was looked at, unless something else stands in its place by now.
///
/// KEYS frame · ARGV where to look, and the bytes that were there → removed?
const LET_GO: &str = r"
local there = redis.pcall('GETRANGE', KEYS[1], ARGV[1], ARGV[1] + #ARGV[2] - 1)
if there ~= ARGV[2] then return 0 end
return redis.call('UNLINK', KEYS[1])
";

/// Holds on to a lease.
///
/// KEYS lease · ARGV token, milliseconds → is it still held?
const RENEW_LEASE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
";

/// Gives a lease back.
///
/// KEYS lease · ARGV token
const END_LEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1
";

/// All scripts, each with its hash.
pub(super) struct Scripts {
    pub(super) meet: Script,
    pub(super) renew: Script,
    pub(super) append: Script,
    pub(super) open: Script,
    pub(super) put: Script,
    pub(super) let_go: Script,
    pub(super) renew_lease: Script,
    pub(super) end_lease: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            meet: Script::new(MEET),
            renew: Script::new(RENEW),
            append: Script::new(APPEND),
            open: Script::new(OPEN),
            put: Script::new(PUT),
            let_go: Script::new(LET_GO),
            renew_lease: Script::new(RENEW_LEASE),
            end_lease: Script::new(END_LEASE),
        }
    }

    /// The texts, to be loaded when a connection opens.
    pub(super) const TEXTS: [&'static str; 8] = [MEET, RENEW, APPEND, OPEN, PUT, LET_GO, RENEW_LEASE, END_LEASE];
}
