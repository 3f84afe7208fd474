#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The command line as its users meet it: exit codes, words on standard error, standard input, tables in files, and
# that neither time zone nor locale changes a byte. Prints TAP.
#
#   cli_test.sh BINARY        TCPAUTOPSY_CAPTURES names the folder of the cases
set -u
binary=$(realpath "${1:?usage: cli_test.sh BINARY}") || exit 2
[ -x "$binary" ] || exit 2
captures=$(realpath "${TCPAUTOPSY_CAPTURES:-$(dirname "$0")/../../captures}") || exit 2
healthy=$captures/close/rec_four_way/capture.pcap
incident=$captures/queue/rec_overflow_ladder/capture.pcap
export LC_ALL=C TZ=UTC
unset NO_COLOR
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2
cp "$healthy" ok.pcap && cp "$incident" bad.pcap && chmod u+w ./*.pcap || exit 2
number=0
failed=0

# ok NAME STATUS: one TAP line
ok() {
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        failed=$((failed + 1))
        sed 's/^/# stdout: /' out | head -5
        sed 's/^/# stderr: /' err | head -5
    fi
}

# exits STATUS ARGUMENT...: run, keep out and err, compare the status
exits() {
    wanted=$1
    shift
    "$binary" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" -eq "$wanted" ]
    ok "status $wanted: $*" $?
}

# says TEXT: the last run's standard error holds it, and standard output is empty
says() {
    grep -qF -- "$1" err && ! [ -s out ]
    ok "  stderr says: $1" $?
}

# shows TEXT: the last run's standard output holds it, and standard error is empty
shows() {
    grep -qF -- "$1" out && ! [ -s err ]
    ok "  stdout shows: $1" $?
}

# same NAME A B: two files hold the same bytes
same() {
    cmp -s "$2" "$3"
    ok "$1" $?
}

# ---- help and registries ----
exits 0 --help
shows 'usage: tcpautopsy'
exits 0 -h
for name in read filter filter-file after before count numeric vantage server key ignore tolerance checksums host sysctl kernel min-confidence finding \
    fail-on output column time all-states format at width host ascii color write anonymize raw-text temp-dir strict quiet verbose help version \
    series plan resume shard by missing keep-parts max-errors no-sandbox; do
    grep -qF -- "--$name" out || echo "$name"
done >missing
! [ -s missing ]
ok 'help lists every option' $?
awk 'length($0) > 80' out >wide
! [ -s wide ]
ok 'help fits 80 columns' $?
exits 0 flows --help
shows 'usage: tcpautopsy flows'
exits 0 --version
shows 'libpcap'
exits 0 schema
shows 'flow_id'
exits 0 schema flows --format csv
shows 'flows,flow_id,id,'
exits 0 schema --format sql
shows 'CREATE TABLE "flows"'
exits 0 schema --format json
exits 0 findings
shows 'handshake_no_answer'
exits 0 findings handshake_no_answer
shows 'doubt'
exits 2 findings handshake_no_anwser
says "did you mean 'handshake_no_answer'?"
exits 2 schema flow
says "did you mean 'flows'?"

# ---- usage ----
exits 2
says 'no capture given'
exits 2 flwos ok.pcap
says "unknown command 'flwos': did you mean 'flows'?"
exits 2 --filer tcp ok.pcap
says 'did you mean --filter?'
exits 2 -Z ok.pcap
says 'unknown option -Z'
exits 2 -f
says 'option -f needs a value'
exits 2 --ascii=yes ok.pcap
says 'takes no value'
exits 2 -e flow_id ok.pcap
says 'summary takes no --column'
exits 2 flows -e flow_di ok.pcap
says "did you mean 'flow_id'?"
exits 2 --fail-on handshake_no_anwser ok.pcap
says "did you mean 'handshake_no_answer'?"
exits 2 --vantage sever ok.pcap
says 'vantage'
exits 2 -f 'tcp prot 80' ok.pcap
exits 2 scan ok.pcap
says 'scan needs a directory'
exits 2 merge ok.pcap
says 'merge needs a directory'
exits 2 -w x.pcap ok.pcap
says 'summary takes no --write'
exits 2 --memory 5 ok.pcap
says 'a size from 1M to 1024T'
exits 2 --memory 12X ok.pcap
exits 0 --memory 1g ok.pcap
exits 2 -j 0 ok.pcap
says 'a number of threads, 1 to 64'
exits 2 -j many ok.pcap
exits 0 -j 64 ok.pcap
exits 2 tcp port 80 ok.pcap
says "write -f 'tcp port 80'"
exits 2 explain ok.pcap
says 'explain needs a SELECTOR'
exits 2 explain stream=99 ok.pcap
says 'stream=99'
exits 2 explain stream=0 --format csv ok.pcap
exits 2 explain stream=0 --format svgs ok.pcap
says 'did you mean svg'
exits 2 explain stream=0 --ascii --format svg ok.pcap
says 'ascii is of the text'
exits 2 report ok.pcap
says '-o DIR'
exits 2 - -
says 'once'
exits 2 -c 99999999999999999999999 ok.pcap
says 'a number of records above 0'
: >empty
exits 2 -F empty ok.pcap
says 'holds no filter'
exits 2 explain finding=syn_drop_acept_full bad.pcap
says "did you mean 'syn_drop_accept_full'?"
exits 2 explain finding=overflow_interval bad.pcap
says 'finding=synack_ladder_accept_overflow'
exits 2 explain finding=syn_drop_accept_full:0 bad.pcap
says 'K is a number from 1 on'

exits 2 states --format sss ok.pcap
says "'sss' is not known here: did you mean ss"
exits 2 states --format csv --at 1700000000 ok.pcap
says '--at tells one moment'
exits 2 states --format nstat --at 1700000000 ok.pcap
says '--at tells one moment'
exits 2 states --at 9999999999 ok.pcap
says 'epoch seconds up to 9000000000'
exits 2 states --at noon ok.pcap
says 'at'
exits 2 states --at 1000 --host 10.66.58.1 ok.pcap
says '--at lies before the first packet, at 2'
exits 2 states --format nstat --host 192.0.2.1 ok.pcap
says 'no connection of the host given'
exits 0 states --format nstat --vantage server bad.pcap
grep -q '^#host 10\.66\.[0-9]*\.100: captured at this host' out &&
    grep -q '^TcpExtListenOverflows  *[1-9][0-9]*  *[1-9][0-9]*  *# SYNs' out
ok 'nstat: the server, and what its kernel counted' $?
[ "$(grep -c '^#' out)" -eq 1 ]
ok 'nstat: of several hosts only those at whose side the capture was taken' $?
exits 0 states --format nstat --vantage middle bad.pcap
grep -q '^TcpRetransSegs  *[1-9][0-9]*  *-  *# ' out && ! grep -q 'captured at' out
ok 'nstat: no upper bound elsewhere' $?
exits 0 states --format nstat --sysctl tcp_max_tw_buckets=5 "$captures/timewait/rec_expired/capture.pcap"
grep -q '^TcpExtTW  *0  *6  *#' out && grep -q '^TcpExtTW  *2  *2  *#' out &&
    grep -q '^TcpExtTCPTimeWaitOverflow  *0  *6  *#' out
ok 'nstat: TIME_WAITs that tcp_max_tw_buckets may have had no room for' $?
exits 0 states --format ss --host 10.66.68.100 --sysctl tcp_max_tw_buckets=5 "$captures/timewait/rec_expired/capture.pcap"
! sed '/^# within/,$d' out | grep -q '^TIME-WAIT' && sed '1,/^# within/d' out | grep -q '^TIME-WAIT'
ok '  ss: nor sure of any' $?
for left_out in '-c 9' '-f tcp[13]&7!=0' '-A 1'; do
    "$binary" states --format nstat --vantage server $left_out bad.pcap >out 2>err
    grep -q 'records were left out' out
    left=$?
    [ "$left_out" != '-A 1' ] && [ $left -eq 0 ] && ! grep -q '^Tcp[^#]* [0-9][0-9]* *#' out ||
        { [ "$left_out" = '-A 1' ] && [ $left -ne 0 ] && grep -q 'counters told here that are not listed are 0' out; }
    ok "nstat: upper bounds where no record was left out: $left_out" $?
done
"$binary" states --format nstat --vantage server bad.pcap >all 2>err
"$binary" states --format nstat --vantage server --finding rst_refused --min-confidence certain bad.pcap >out 2>err
cmp -s all out
ok 'nstat: what the user wants to read does not change what was counted' $?
exits 2 states --format ss ok.pcap
says 'the capture shows 4 hosts: choose one with --host: 10.66.58.1, 10.66.58.100, fd00:66:3a::1'
for format in csv ss; do
    exits 2 states --format $format --host 192.0.2.1 ok.pcap
    says 'no connection of the host given: there are 10.66.58.1, 10.66.58.100'
done
exits 2 states --host example ok.pcap
says 'host'
for width in 0 -1 x 86401; do
    exits 2 states --width $width ok.pcap
    says 'width'
done
exits 2 flows --at 1000 ok.pcap
says 'flows takes no --at'

# Short names of families, and what the columns show of an id, lead to the id.
exits 2 findings hs_complete
says "no finding 'hs_complete': did you mean 'handshake_complete'?"
exits 2 flows --finding tw_absent ok.pcap
says "did you mean 'time_wait_absent'?"
exits 2 --fail-on any,sa_ladder_pruned ok.pcap
says "--fail-on: no finding 'sa_ladder_pruned': did you mean 'synack_ladder_pruned'?"
exits 2 findings three_way
says "did you mean 'close_three_way'?"
exits 2 explain finding=ov_lost ok.pcap
says "did you mean 'overflow_lost'?"
exits 1 --fail-on any,portscan "$captures/pressure/rec_portscan/capture.pcap"
exits 0 --fail-on any,portscan ok.pcap

# ---- results ----
exits 0 ok.pcap
shows 'healthy'
awk 'length($0) > 80' out >wide
[ "$(wc -l <out)" -le 25 ] && ! [ -s wide ]
ok 'the summary fits 25 lines of 80 columns' $?
exits 0 bad.pcap
shows 'accept queue full'
[ "$(wc -l <out)" -le 25 ]
ok 'the summary of an incident fits 25 lines' $?
! grep -q "$(printf '\033')" out
ok 'no colour in a pipe' $?
# What comes after the first says since when, to whom and why as long as there are lines for it.
exits 0 "$captures/pressure/rec_mixed_incident/capture.pcap"
grep -A1 'rst_refused at .*stream=8' out | grep -q 'since 07:35:05.719 until 07:35:15.719 (10.000 s), 1 client'
ok 'the second kind of trouble has a time, a client and a cause' $?
exits 0 bad.pcap "$captures/queue/rec_stalled_service/capture.pcap"
[ "$(grep -A1 'accept queue full' out | grep -c '   since .* until ')" -eq 2 ] &&
    grep -A2 'accept queue full (certain) stream=c1:5' out | grep -q '6 lost'
ok 'of two full queues both say since when until when, and how many were lost' $?
# The damage of a flood is what became of the others, and nobody is told to turn on what is on.
exits 0 "$captures/pressure/rec_synq_full_cookies0/capture.pcap"
shows 'hit: 5 other connections opened late, after up to 7.1 s'
exits 0 "$captures/pressure/rec_synq_full_cookies1/capture.pcap"
shows 'leave'
! grep -q 'must' out
ok 'where SYN cookies were sent nobody is told to turn them on' $?
# A capture that a filter made tells no more than what it holds.
exits 0 -f 'tcp[13] & 2 != 0' "$captures/pressure/rec_busy_healthy/capture.pcap"
shows 'cannot tell: nothing but SYNs and SYN+ACKs was captured of 132 connections'
exits 0 -f 'tcp[13] & 18 == 2' "$captures/pressure/rec_busy_healthy/capture.pcap"
shows '?? nothing but SYNs was captured: if a filter chose them'
stalled=$captures/queue/rec_stalled_service/capture.pcap
exits 0 listeners -e server_port,backlog_min,backlog_max -f 'port 8080' "$stalled"
shows '8080,32,32'
exits 0 listeners -e server_port,backlog_min,backlog_max -f 'host 10.66.103.2' "$stalled"
grep -q '^8080,[0-9]*,$' out
ok 'clients of a listener that a filter left out may have waited in its queue, too' $?
exits 0 ok.pcap
! grep -q 'nothing but SYN' out
ok 'a whole capture says nothing of filters' $?
# Where the packets do not decide how often the kernel refused, nothing claims that they do.
exits 0 "$captures/queue/rec_slow_service/capture.pcap"
grep -q 'about 1326 SYNs dropped' out && grep -q 'ListenDrops 1510 to 1763' out
ok 'a count that the packets do not decide is told with its bounds' $?
exits 0 events -q --finding overflow_interval "$captures/queue/rec_slow_service/capture.pcap" # one of its times goes back
shows 'full: about 1326 SYNs dropped, 199 ACKs ignored; 225 connections hit, 69 of them never served'
exits 0 events --finding overflow_interval bad.pcap
shows 'full, and still was when the capture ended: 6 SYNs dropped, 42 ACKs ignored; 6 connections hit, 6 of them'
# What is less sure than asked for is told nowhere; that the columns of opening and close are guesses stays in the table.
exits 0 "$captures/handshake/rec_ack_lost/capture.pcap"
grep -q '(possible)' out
ok 'a guess is told by default' $?
exits 0 --min-confidence certain "$captures/handshake/rec_ack_lost/capture.pcap"
! grep -qE '\((possible|probable)\)|perhaps' out
ok 'and not where certainty is asked for' $?
# What could not be read is no capture, and stands nowhere.
echo junk >junk.pcap
"$binary" -q junk.pcap "$captures/queue/rec_overflow_ladder/capture.pcap" >out 2>/dev/null </dev/null
grep -q '^1 of 2 captures: ' out && grep -q 'captured at the server$' out
ok 'a file that cannot be read has no vantage' $?
# Some connections show that the tap was at the server, the others only that it was near both ends.
exits 0 "$captures/timewait/rec_v6/capture.pcap"
shows 'captured at the server'
# Two connections opened by SYN cookies were lost, though the client saw them open.
exits 0 "$captures/queue/rec_overflow_cookies/client.pcap"
shows 'lost: 2 connections of 1 client, never served'

# What a time window leaves out replaces no connection: the second is 2 s behind the cut.
exits 0 flows --column flow_id,close,damage -B 1795246274.053400 "$captures/timewait/rec_reuse_ts/capture.pcap"
shows 'c1f1,none_open_at_end,offload;end_cut'

# The commands that the summary tells show the same connections as it does.
exits 0 -f 'port 40012 or port 40011' -A 1795000000.5 bad.pcap
shows "explain -f 'port 40012 or port 40011' -A 1795000000.500000000 stream="

# pastes NAME SHELL: the command that the summary of bad.pcap under this name tells to type works in SHELL as it stands
pastes() {
    mkdir -p "$(dirname "./$1")" && cp bad.pcap "./$1" || exit 2
    "$binary" -- "$1" >out 2>err </dev/null
    sed -n 's/^   \$ tcpautopsy //p' out | head -1 >typed
    printf '"%s" ' "$binary" | cat - typed >paste.sh
    "$2" paste.sh >out 2>err </dev/null && grep -q 'synack_ladder_accept_overflow' out
    held=$?
    ok "the command told of '$(printf %s "$1" | tr -c '[:print:]' '?')' can be pasted" $held
}
long=$(printf 'a-folder-with-a-long-name-%.0s/' 1 2 3 4 5 6)capture-of-the-incident.pcap
pastes plain.pcap sh
pastes "$long" sh
pastes "it's 5 o'clock \$(no) ; here.pcap" sh
pastes '-r.pcap' sh
pastes 'cafÃ© \"\\.pcap' sh
if command -v bash >/dev/null; then
    pastes "$(printf 'two\nlines\001\377.pcap')" bash
fi
# What two captures prove together needs both of them.
cp "$captures/path/rec_loss/client.pcap" 'at the client.pcap' && cp "$captures/path/rec_loss/capture.pcap" server.pcap
"$binary" 'at the client.pcap' server.pcap >out 2>err </dev/null
sed -n 's/^   \$ tcpautopsy //p' out | head -1 >typed
printf '"%s" ' "$binary" | cat - typed >paste.sh
sh paste.sh >out 2>err </dev/null && grep -q '^segment_lost_between' out
ok 'the command told of two captures names both' $?
mv bad.pcap keep && (cat keep | "$binary" - >out 2>err) && mv keep bad.pcap
grep -q 'explain stream=5 - < CAPTURE$' out
ok 'what came from standard input has to come from there again' $?
"$binary" "$long" >out 2>err </dev/null
! grep -v '^   \$ ' out | awk 'length($0) > 80' | grep -q .
ok 'nothing but a command is wider than the page' $?
# In the middle of the second connection of ok.pcap, and between it and the third.
second=$("$binary" flows -e start_ns ok.pcap | sed -n 3p)
seconds() { echo "$(($1 / 1000000000)).$(printf %09d $(($1 % 1000000000)))"; }
middle=$(seconds $((second + 100000)))
behind=$(seconds $((second + 270000000)))
exits 0 -A "$middle" ok.pcap
shows 'ok healthy: 2 connections, none refused, lost or aborted'
shows '1 more begun before what was read:'
exits 0 -A "$middle" -B "$behind" ok.pcap
shows '?? cannot tell: 1 connection begun before what was read; '
exits 0 -f 'port 9999' ok.pcap
shows 'packets left out by -f, -A or -B'
! grep -q 'not decodable' out
ok '  and none of them is called not decodable' $?
# Two UDP datagrams to port 4789, as a tunnel sends them: records of link type 101 (IP), 28 bytes each.
datagram='\105\000\000\034\000\000\000\000\100\021\000\000\012\000\000\001\012\000\000\002\234\100\022\265\000\010\000\000'
record="\\000\\000\\000\\001\\000\\000\\000\\000\\034\\000\\000\\000\\034\\000\\000\\000$datagram"
header='\324\303\262\241\002\000\004\000\000\000\000\000\000\000\000\000\377\377\000\000\145\000\000\000'
# shellcheck disable=SC2059 # the bytes are the format
printf "$header$record$record" >udp.pcap
exits 0 udp.pcap
shows 'no TCP connection in what was read'
shows 'not judged: 2 IP packets without TCP'
# shellcheck disable=SC2059
printf "$header" >none.pcap
exits 0 none.pcap
shows 'not judged: nothing: none was there'
exits 0 -f 'port 40001 and src port 40001' ok.pcap
shows '?? cannot tell: 1 connection seen in one direction only'
exits 0 --color always bad.pcap
grep -q "$(printf '\033')" out
ok 'colour when asked for' $?
exits 1 --fail-on any bad.pcap
exits 0 --fail-on any ok.pcap
exits 1 --fail-on any,portscan bad.pcap
exits 1 --fail-on close_four_way,any ok.pcap
exits 2 --finding any ok.pcap
exits 0 listeners -e overflow_action "$captures/queue/rec_overflow_cookies/capture.pcap"
shows 'drop_both'
# Away from the server a SYN cookie with options shows by its clock and its window together: the kernel sent eleven.
exits 0 listeners -e cookie_count "$captures/queue/rec_overflow_cookies/client.pcap"
shows '11'
# Two clients never heard of the server after their cookies.
# Without the ACKs nothing shows how many that answered SYN cookies were refused.
exits 0 listeners -e cookie_count,listen_overflows_max -f 'tcp[13]&7!=0' "$captures/pressure/cookies_in_bursts/capture.pcap"
[ "$(sed -n 2p out)" = 15, ]
ok '  no upper bound of refusals where a filter took the ACKs' $?
exits 0 listeners -e lost_flows "$captures/queue/rec_overflow_cookies/client.pcap"
shows '2'
exits 0 listeners -e handshake_rtt_p50_s,handshake_rtt_p99_s "$captures/path/rec_very_long/capture.pcap"
[ "$(sed -n 2p out)" = , ]
ok '  no round trip of a handshake with repeats' $?
exits 0 -n flows ok.pcap
[ "$(wc -l <out)" -eq 5 ]
ok 'flows: a header and one row per connection' $?
cp out flows.stdout
exits 0 flows -r ok.pcap
same 'flows -r CAPTURE is the same' flows.stdout out
"$binary" flows - <ok.pcap | sed 's/,-,/,ok.pcap,/g' >out 2>err
same 'standard input gives the same rows' flows.stdout out
TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 "$binary" flows ok.pcap >out 2>err
same 'neither time zone nor locale changes a byte' flows.stdout out
exits 0 flows -o table.csv ok.pcap
same 'a table with -o is the same bytes' flows.stdout table.csv
[ "$(echo table.csv*)" = table.csv ]
ok 'no temporary file is left' $?
ln -s table.csv link.csv
exits 0 flows -o link.csv bad.pcap
! [ -L link.csv ] && cmp -s table.csv flows.stdout
ok 'a symbolic link is replaced, not followed' $?
exits 0 flows -e flow_id,verdict -e severity ok.pcap
[ "$(sed -n 1p out)" = flow_id,verdict,severity ]
ok 'columns in the order asked for' $?
exits 0 flows -r ok.pcap port 40001
[ "$(wc -l <out)" -eq 2 ]
ok 'a filter behind -r chooses packets' $?
echo 'port 40001' >filter
exits 0 flows -F filter ok.pcap
[ "$(wc -l <out)" -eq 2 ]
ok 'a filter from a file chooses packets' $?
exits 0 flows -c 11 ok.pcap
[ "$(wc -l <out)" -eq 2 ]
ok 'a number of packets' $?
exits 0 events ok.pcap
cp out events.stdout
exits 0 events --all-states ok.pcap
[ "$(wc -l <out)" -gt "$(wc -l <events.stdout)" ]
ok 'events: all states are more rows' $?
exits 0 explain stream=0 ok.pcap
shows 'FIN_WAIT1'
# Times as asked for; before the first one stands the frame.
exits 0 explain -t iso stream=0 ok.pcap
shows '  1 07:22:53.270694Z  SYN_SENT'
exits 0 explain -t epoch stream=0 ok.pcap
shows '  1 1795245773.270694  SYN_SENT'
exits 0 explain -t ns stream=0 ok.pcap
shows '  1 1795245773270694000  SYN_SENT'
exits 0 explain --ascii stream=0 ok.pcap
! LC_ALL=C grep -q '[^ -~]' out
ok 'an ASCII ladder' $?
exits 0 explain --format svg stream=0 ok.pcap
[ "$(head -c 5 out)" = '<svg ' ]
ok 'a picture' $?
for form in html mermaid xplot; do
    exits 0 explain --format $form -o picture stream=0 ok.pcap
    [ -s picture ]
    ok "$form, where -o says" $?
done
# The packets of one connection: for each of its segments, and nothing else.
exits 0 explain -w one.pcap stream=1 ok.pcap
cp out ladder
"$binary" explain stream=1 ok.pcap >out 2>err
same 'explain -w FILE: the ladder is the same' ladder out
exits 0 explain -w - stream=1 ok.pcap
same '  -w -: the packets alone' one.pcap out
exits 0 explain -w - -o ladder.txt stream=1 ok.pcap
cmp -s one.pcap out && cmp -s ladder ladder.txt
ok '  and the ladder where -o says' $?
exits 0 explain -w two.pcap stream=0 one.pcap
same '  what was written gives the same again' one.pcap two.pcap
[ "$(od -An -tx1 -N4 ok.pcap)" = "$(od -An -tx1 -N4 one.pcap)" ]
ok '  times as exact as in the capture' $?
exits 2 explain -w ok.pcap stream=1 ok.pcap
says 'would overwrite an input: choose another name for -w'
ln ok.pcap hard.pcap
exits 2 explain -w hard.pcap stream=1 ok.pcap
says 'would overwrite an input'
rm hard.pcap
exits 2 explain -w one.pcap -o one.pcap stream=1 ok.pcap
says 'named by -w and by -o'
exits 2 explain -w new.pcap -o ./new.pcap stream=1 ok.pcap
says 'named by -w and by -o'
exits 2 explain -w x.pcap stream=99 ok.pcap
says 'no connection fits'
exits 2 explain -w x.pcap stream=1 -
says 'standard input: can be read once, and -w reads twice'
mkfifo once
exits 2 explain -w x.pcap stream=1 once
says 'once: can be read once'
rm once
exits 4 explain -w no/such/dir/x.pcap stream=1 ok.pcap
says 'no/such/dir/x.pcap'
exits 3 explain -w x.pcap stream=1 missing.pcap
! ls x.pcap* 2>/dev/null | grep -q .
ok '  no file is left where that failed' $?
if [ -w /dev/full ]; then
    "$binary" explain -w - stream=1 ok.pcap >/dev/full 2>err
    [ $? -eq 4 ]
    ok '  a full device is status 4' $?
fi
told=$captures/host/contradicted/capture.pcap
exits 0 settings -e host,port,setting,min,max,known,verdict "$told"
shows '198.51.100.5,,tcp_timestamps,1,2,,not_judged'
exits 0 settings --host 198.51.100.5 --sysctl 'net.ipv4.tcp_timestamps = 0' -e host,setting,known,verdict "$told"
shows '198.51.100.5,tcp_timestamps,0,contradicted'
[ "$(grep -c 192.0.2.10 out)" -eq 0 ]
ok 'settings: of one host alone' $?
printf 'net.ipv4.tcp_timestamps = 1\nnet.ipv4.tcp_rmem = 4096\t131072\t6291456\n\nkernel.pid_max = 4194304\n' >sysctl.txt
exits 0 settings --host 198.51.100.5 --sysctl @sysctl.txt --host 192.0.2.10 --sysctl tcp_timestamps=0 -e host,known,verdict "$told"
[ "$(grep -v '^host\|,,' out | tr '\n' ' ')" = '192.0.2.10,0,contradicted 198.51.100.5,1,consistent ' ]
ok 'settings: each host has its own file' $?
exits 0 settings -e host,setting,min,max "$told"
shows '192.0.2.10,linux,1,1'
exits 0 settings -v --sysctl @sysctl.txt -e host "$told"
grep -q '2 settings change nothing' err
ok 'settings: others of a sysctl file are counted' $?
exits 1 events --sysctl tcp_timestamps=0 --fail-on setting_contradicted "$told"
exits 0 events --sysctl tcp_timestamps=1 --kernel 6.1.0-18-amd64 --fail-on setting_contradicted "$told"
full=$captures/pressure/rec_synq_full_cookies0/capture.pcap
exits 1 events --fail-on synq_full_interval "$full"
exits 0 events --sysctl tcp_syncookies=1 --fail-on synq_full_interval "$full"
always=$captures/queue/rec_overflow_cookies/capture.pcap
# Which of two limits dropped SYNs is told by tcp_max_syn_backlog: where three quarters of it are not reached it was the backlog.
exits 0 listeners -e backlog_min,backlog_max "$full"
! grep -q '16,17' out
ok '  the drops are no upper bound of the backlog' $?
exits 0 listeners --sysctl tcp_max_syn_backlog=512 -e backlog_min,backlog_max "$full"
shows '16,17'
exits 1 events --sysctl tcp_syncookies=1 --fail-on setting_contradicted "$always"
exits 0 events --sysctl tcp_syncookies=2 --fail-on setting_contradicted "$always"
exits 0 events --sysctl tcp_syncookies=1 --fail-on setting_contradicted "$captures/pressure/rec_flood_spoofed/capture.pcap"
mixed=$captures/pressure/rec_mixed_incident/capture.pcap
exits 0 settings --kernel 6.1 -e host,setting,min,max,known,verdict "$mixed"
grep -qx '10.66.180.1,kernel,6005,,6001,contradicted' out && grep -qx '10.66.180.100,kernel,4010,,6001,consistent' out
ok 'settings: what only later kernels do' $?
exits 1 events --host 10.66.180.100 --kernel 3.10 --fail-on setting_contradicted "$mixed"
grep -q 'kernel is said to be 3.10, but the traffic shows at least 4.10' out
ok '  and told from the kernel that was given' $?
exits 0 events --kernel 6.18.44 --fail-on setting_contradicted "$mixed"
old=$captures/queue/old_kernel_echo/capture.pcap
exits 1 events --host 198.51.100.5 --kernel 6.12 --fail-on setting_contradicted "$old"
exits 0 events --host 198.51.100.5 --kernel 5.10 --fail-on setting_contradicted "$old"
short=$captures/queue/rec_defer_accept_short/capture.pcap
exits 0 settings -f 'tcp[13]&7!=0' -e setting,min,max "$short"
grep -qx 'tcp_synack_retries,1,' out
ok 'settings: where a filter took the ACKs, no end of a ladder is proved' $?
cookied=$captures/pressure/rec_synq_full_cookies1/capture.pcap
exits 0 settings -e setting,min,max,evidence_count "$cookied"
shows 'tcp_syncookies,1,2,18'
exits 1 events --sysctl tcp_syncookies=0 --fail-on setting_contradicted "$cookied"
exits 0 events --sysctl tcp_syncookies=1 --fail-on setting_contradicted "$cookied"
full=$captures/queue/rec_overflow_ladder/capture.pcap
exits 1 events --sysctl net.core.somaxconn=3 --fail-on setting_contradicted "$full"
exits 0 events --sysctl net.core.somaxconn=4096 --fail-on setting_contradicted "$full"
exits 0 listeners --sysctl somaxconn=128 -e backlog_min,backlog_max,backlog_basis "$full"
shows '4,4,begun'
exits 0 listeners --sysctl somaxconn=3 -e backlog_min,backlog_max,backlog_basis "$full"
shows '4,4,begun'
exits 0 settings -e setting,min,max,basis,frames "$full"
shows "backlog,4,4,\"the smaller of listen()'s argument and somaxconn: what the full accept queue held while nothing was accepted, less one for each worker that was stuck inside a request, and if it was empty when the capture began\",26;95"
exits 0 settings -e setting,min,max,basis,frames "$captures/queue/acks_lost_outwards/capture.pcap"
shows "backlog,2,,the smaller of listen()'s argument and somaxconn: half-open connections that the SYN queue held at one time,20"
exits 0 listeners --sysctl somaxconn=128 -e backlog_min,backlog_max,backlog_basis "$captures/queue/acks_lost_outwards/capture.pcap"
shows '2,128,known'
exits 0 settings --sysctl somaxconn=128 -e setting,min,max "$captures/queue/acks_lost_outwards/capture.pcap"
grep -qx 'backlog,2,' out
ok 'settings: what is known takes no part in what the traffic tells' $?
for idle in tcp_rfc1337=1 tcp_tw_reuse=1 tcp_rto_min_us=200000 tcp_rto_max_ms=120000 \
    tcp_keepalive_time=7200 net.ipv4.tcp_keepalive_intvl=75 tcp_keepalive_probes=9; do
    exits 0 settings --sysctl $idle -e host "$told"
    idle=${idle#net.ipv4.}
    ok '  and says that it changes nothing' "$(grep -q "changes nothing where no traffic tells it: ${idle%=*}$" err; echo $?)"
done
for used in tcp_syn_retries=6 tcp_syn_linear_timeouts=4 tcp_synack_retries=5 tcp_abort_on_overflow=0 tcp_syncookies=1 \
    tcp_orphan_retries=0 tcp_fin_timeout=60 tcp_retries2=15 somaxconn=4096 tcp_timestamps=1 tcp_max_tw_buckets=4096 \
    tcp_max_syn_backlog=512; do
    exits 0 settings --sysctl $used -e host "$told"
    ok '  without a word' "$(! [ -s err ]; echo $?)"
done
exits 0 settings -q --sysctl tcp_rfc1337=1 -e host "$told"
ok '  nor when it is to be quiet' "$(! [ -s err ]; echo $?)"
exits 0 settings --host 192.0.2.10 --sysctl tcp_timestamps=1 --host 192.0.2.99 --sysctl tcp_fin_timeout=60 -e host "$told"
ok '  nor what is known of a host that is not there' \
    "$(grep -q 'no traffic tells it: tcp_fin_timeout of 192.0.2.99$' err; echo $?)"
probed=$captures/idle/rec_keepalive/capture.pcap
exits 0 settings --sysctl net/ipv4/tcp_keepalive_time=1 -e setting,known,verdict "$probed"
shows 'TCP_KEEPIDLE,1,consistent'
exits 0 settings --sysctl tcp_keepalive_time=7200 -e setting,known,verdict "$probed"
shows 'TCP_KEEPIDLE,7200,not_judged'
exits 0 events --sysctl tcp_keepalive_time=7200 --fail-on setting_contradicted "$probed"
for wrong in tcp_timestamps tcp_timestamps=on tcp_timestamps=3 tcp_abort_on_overflow=7 tcp_synack_retries=-1 \
    tcp_orphan_retries=300 tcp_no_such_thing=1 =1 @none.txt @ok.pcap; do
    exits 2 events --sysctl $wrong "$told"
    ok '  and says so' "$(grep -q "sysctl '$wrong'" err; echo $?)"
done
exits 2 events --sysctl net.ipv4.tcp_synack_retires=5 "$told"
says "did you mean 'tcp_synack_retries'"
exits 2 events --sysctl tcp_retries2=256 "$told"
says 'tcp_retries2 is 0 to 255'
printf 'sysctl: permission denied on key kernel.x\nnet.ipv4.tcp_timestamps = 0\n' >mixed.txt
exits 1 events --sysctl @mixed.txt --fail-on setting_contradicted "$told"
grep -q -e '--sysctl: 1 line is no KEY = NUMBER and was skipped' err
ok '  and says how many lines it could not read' $?
printf 'sysctl: x\nnonsense\nnet.ipv4.tcp_timestamps = 0\nnet.ipv4.tcp_sack = 1\n' >mixed.txt
exits 1 events --sysctl @mixed.txt --fail-on setting_contradicted "$told"
grep -q -e '--sysctl: 2 lines are no KEY = NUMBER and were skipped' err
ok '  and says how many lines it could not read' $?
exits 1 events -q --sysctl @mixed.txt --fail-on setting_contradicted "$told"
[ ! -s err ]
ok '  and not if it is to be quiet' $?
printf 'net.ipv4.tcp_timestamps = 0\nnet.ipv4.tcp_retries2 = 256\n' >beyond.txt
exits 2 events --sysctl @beyond.txt "$told"
says "sysctl '@beyond.txt': line 2: tcp_retries2 is 0 to 255"
for command in summary events flows listeners settings; do
    exits 2 $command --host 192.0.2.99 --sysctl tcp_timestamps=0 "$told"
    says 'no connection of the host given: there are 192.0.2.10, 198.51.100.5: not 192.0.2.99'
done
exits 2 report --host 192.0.2.99 -o nohost "$told"
! ls nohost 2>/dev/null | grep -q .
ok 'report: a host that is not there is told before anything is written' $?
exits 2 events --kernel six "$told"
says "kernel 'six': wants a version of Linux"

exits 0 states ok.pcap
cp out states.stdout
exits 0 states --width 0.25 ok.pcap
[ "$(wc -l <out)" -gt "$(wc -l <states.stdout)" ]
ok 'states: shorter buckets are more rows' $?
exits 0 states --host 10.66.58.100 -e scope,host,port ok.pcap
[ "$(sort -u out | tr '\n' ' ')" = 'host,10.66.58.100, listener,10.66.58.100,8080 scope,host,port ' ]
ok 'states: of one host alone' $?
listens='^LISTEN +[0-9-]+ +[0-9-]+ +10\.66\.58\.100:8080 +0\.0\.0\.0:\* *$'
exits 0 states --format ss --host 10.66.58.100 ok.pcap
grep -q '^State  *Recv-Q  *Send-Q  *Local Address:Port  *Peer Address:Port  *Process$' out && grep -qE "$listens" out
ok 'states as ss -tan prints them' $?
cp out ss.stdout
exits 0 states --format ss --host 10.66.58.100 -o ss.txt ok.pcap
same '  the same bytes with -o' ss.stdout ss.txt
exits 0 states --at "$middle" --host 10.66.58.100 ok.pcap
ok '--at alone means --format ss' "$(grep -q '^State' out; echo $?)"
exits 0 states --vantage server --format ss -f ip ok.pcap
grep -qF 'the capture was taken at 10.66.58.100: these are its sockets; --host names another' err
ok '  of the host at whose side the capture was taken' $?
exits 0 states -q --vantage server --format ss -f ip ok.pcap
! [ -s err ]
ok '  which -q does not say' $?
exits 0 states --at 2030-01-01T00:00:00Z --host 10.66.58.1 ok.pcap
grep -q ' s after the last packet: as if nothing but timers had gone on' err && ! grep -q '^TIME-WAIT' out
ok '  long after the last packet no TIME-WAIT is left' $?
TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 "$binary" states ok.pcap >out 2>err
same 'states: neither time zone nor locale changes a byte' states.stdout out
exits 0 report -o dir ok.pcap
[ "$(cd dir && echo *)" = 'captures.csv counters.csv events.csv flows.csv listeners.csv report.html run.csv settings.csv states.csv summary.txt' ]
ok 'report writes its files and nothing else' $?
same 'report: the same flows' flows.stdout dir/flows.csv
same 'report: the same events' events.stdout dir/events.csv
same 'report: the same states' states.stdout dir/states.csv

# ---- two tables compared ----
"$binary" flows ok.pcap >a.csv
sed '3s/,normal,/,rst_refused,/; 4d' a.csv >b.csv
second=$(sed -n 3p a.csv | cut -d, -f1)
third=$(sed -n 4p a.csv | cut -d, -f1)
exits 1 diff a.csv b.csv
printf 'flows %s: verdict: normal -> rst_refused\nflows %s: only in A\n' "$second" "$third" >told
same '  one line for each difference' told out
printf 'tcpautopsy: 2 rows equal, 1 row differs, 1 row only in A\n' >told
same '  and a line of counts on standard error' told err
exits 1 diff -q a.csv b.csv
! [ -s err ]
ok '  which -q leaves out' $?
exits 1 diff -o told a.csv b.csv
"$binary" diff -q a.csv b.csv >out 2>err
same '  the same bytes with -o' told out
exits 0 diff a.csv a.csv
! [ -s out ] && grep -qx 'tcpautopsy: 4 rows equal' err
ok '  a table with itself' $?
{ sed -n 1p a.csv; sed 1d a.csv | sort -r; } >shuffled.csv
"$binary" diff -q a.csv - <shuffled.csv >out 2>err
! [ -s out ]
ok '  another order, through standard input' $?
{ echo 'not of the table'; cat a.csv; } >more.csv
{
    read -r _
    "$binary" diff -q a.csv - >out 2>err
} <more.csv
ok '  from where standard input stands' $?
mkfifo through
cat b.csv >through &
"$binary" diff -q through a.csv >out 2>err
[ $? -eq 1 ] && [ "$(tail -1 out)" = "flows $third: only in B" ]
ok '  through a pipe' $?
rm through
exits 0 diff --ignore verdict -q a.csv a.csv
exits 1 diff --key client_port a.csv b.csv
port=$(sed -n 4p a.csv | cut -d, -f6)
grep -qx "flows $port: only in A" out
ok '  by a key of the user' $?
awk -F, -v OFS=, 'NR > 1 { at = length($4); last = substr($4, at); $4 = substr($4, 1, at - 1) (last == 9 ? 8 : last + 1) } 1' \
    a.csv >c.csv
"$binary" diff -q a.csv c.csv >out 2>err
[ $? -eq 1 ] && [ "$(grep -c ': duration_s: ' out)" -eq 4 ]
ok '  a nanosecond is a difference' $?
exits 0 diff --tolerance duration_s=0.000000001 a.csv c.csv
exits 2 diff a.csv
says 'diff compares two tables'
exits 2 diff a.csv a.csv a.csv
says 'diff compares two tables'
exits 2 diff - -
says 'standard input can be read once'
exits 2 diff --ignore verdcit a.csv b.csv
says "did you mean 'verdict'?"
exits 2 diff --key verdcit a.csv b.csv
says "did you mean 'verdict'?"
exits 2 diff --tolerance duration=1 a.csv b.csv
says "did you mean 'duration_s'?"
exits 2 diff --tolerance duration_s a.csv b.csv
says 'wants COLUMN=NUMBER'
exits 2 diff -f tcp a.csv b.csv
says 'diff takes no --filter'
exits 2 flows --ignore verdict ok.pcap
says 'flows takes no --ignore'
exits 3 diff a.csv missing.csv
says 'missing.csv: cannot be opened'
exits 3 diff a.csv ok.pcap
says 'ok.pcap: '
printf 'x,y\n1,2\n3\n' >ragged.csv
exits 3 diff ragged.csv a.csv
says 'ragged.csv: 1 cells in line 3, and 2 in the header'
: >nothing.csv
exits 3 diff a.csv nothing.csv
says 'nothing.csv: is empty'
exits 2 diff -o a.csv a.csv b.csv
says 'would overwrite an input'
exits 4 diff -o no/such/dir/x a.csv b.csv
if [ -w /dev/full ]; then
    "$binary" diff a.csv b.csv >/dev/full 2>err
    [ $? -eq 4 ]
    ok '  a full device is status 4' $?
fi
# A report differs from one of the same capture in nothing but run.csv.
exits 0 report -o again ok.pcap
exits 0 diff dir again
! [ -s out ]
ok 'two reports of one capture: no difference' $?
rm again/states.csv
cp b.csv again/flows.csv
exits 1 diff dir again
grep -qx 'states: only in A' out && grep -qx "flows $third: only in A" out && [ "$(wc -l <out)" -eq 3 ]
ok '  a row, a cell and a table' $?
exits 2 diff dir a.csv
says 'a folder and a table'
exits 3 diff dir nowhere
says 'nowhere: cannot be opened'
exits 2 diff -o dir/new.csv dir again
says 'or lie among them'

# ---- inputs that are bad, outputs that fail ----
exits 3 missing.pcap
says 'missing.pcap'
exits 3 flows missing.pcap ok.pcap
[ "$(wc -l <out)" -eq 5 ]
ok 'the other captures are analysed' $?
echo 'this is not a capture' >text.pcap
exits 3 text.pcap
says 'text.pcap'
size=$(wc -c <ok.pcap)
head -c $((size - 7)) ok.pcap >cut.pcap
exits 0 flows cut.pcap
grep -q 'cut.pcap' err
ok 'a cut last packet is a warning' $?
exits 0 flows -q cut.pcap
! [ -s err ]
ok '  and silent with -q' $?
exits 3 --strict flows cut.pcap
exits 0 -q cut.pcap
shows 'ok healthy as far as read: '
shows '1 capture not read to its end'
cp ok.pcap keep.pcap
exits 2 flows -o ok.pcap ok.pcap
says 'overwrite an input'
same 'an input is never overwritten' keep.pcap ok.pcap
exits 4 flows -o no/such/dir/x.csv ok.pcap
if [ -w /dev/full ]; then
    "$binary" flows ok.pcap >/dev/full 2>err
    [ $? -eq 4 ]
    ok 'a full device is status 4' $?
fi
"$binary" flows ok.pcap 2>err | head -c 10 >/dev/null
! [ -s err ]
ok 'a closed pipe is quiet' $?
mkfifo pipe
"$binary" flows pipe >out 2>err &
pid=$!
exec 3<>pipe
head -c 2000 ok.pcap >&3
sleep 1
kill -INT $pid
sleep 1
exec 3>&-
wait $pid
[ $? -eq 130 ] && [ "$(sed -n 1p out | cut -c1-8)" = flow_id, ]
ok 'interrupted: whole rows, status 130' $?
control=$(printf 'x\033[31m.pcap')
exits 3 "$control"
! grep -q "$(printf '\033')" err
ok 'control characters of a name do not reach the terminal' $?

# ---- a clock in whole seconds: a SYN of 2020, then one and its refusal 34 000 years later ----
{
    printf '\012\015\015\012\034\000\000\000M<+\032\001\000\000\000\377\377\377\377\377\377\377\377\034\000'
    printf '\000\000\001\000\000\000\040\000\000\000e\000\000\000\000\000\000\000\011\000\001\000\200\000\000'
    printf '\000\000\000\000\000\040\000\000\000\006\000\000\000H\000\000\000\000\000\000\000\000\000\000\000'
    printf '\000\020^_(\000\000\000(\000\000\000E\000\000(\000\000\000\000@\006\000\000\012\000\000\001\012'
    printf '\000\000\002\234@\000P\000\000\000\001\000\000\000\000P\002\003\350\000\000\000\000H\000\000\000'
    printf '\006\000\000\000H\000\000\000\000\000\000\000\000\001\000\000\000\000\000\000(\000\000\000(\000'
    printf '\000\000E\000\000(\000\000\000\000@\006\000\000\012\000\000\001\012\000\000\002\234A\000P\000\000'
    printf '\000\001\000\000\000\000P\002\003\350\000\000\000\000H\000\000\000\006\000\000\000H\000\000\000'
    printf '\000\000\000\000\000\001\000\000\000\000\000\000(\000\000\000(\000\000\000E\000\000(\000\000\000'
    printf '\000@\006\000\000\012\000\000\002\012\000\000\001\000P\234A\000\000\000\000\000\000\000\002P\024'
    printf '\003\350\000\000\000\000H\000\000\000'
} >far.pcapng
"$binary" far.pcapng >out 2>err
grep -q '^2020-09-13T12:26:40.000Z to a time that cannot be trusted, ' out
ok '  summary: a time that no clock tells is no end of the capture' $?
grep -q '^   since a time that cannot be trusted, 1 client: Connection refused' out && ! grep -q 2116 out
ok '  and dates nothing' $?

# ---- comments of a pcapng file: "=why, ESC[31m" of the section, "uplink" of the interface, two lines of a SYN ----
{
    printf '\012\015\015\012,\000\000\000M<+\032\001\000\000\000\377\377\377\377\377\377\377\377\001\000\013\000'
    printf '=why, \033[31m\000,\000\000\000\001\000\000\000 \000\000\000e\000\000\000`\000\000\000\001\000\006'
    printf '\000uplink\000\000 \000\000\000\006\000\000\000d\000\000\000\000\000\000\000\000\000\000\000\005\000'
    printf '\000\000(\000\000\000(\000\000\000E\000\000(\000\000\000\000@\006\000\012\012\000\000\002\012\000'
    printf '\000\001\234@\000P\000\000\000\001\000\000\000\000P\002\003\350\000\000\000\000\001\000\026\000no an'
    printf 'swer\012from here on\000\000d\000\000\000'
} >commented.pcapng
exits 0 explain stream=0 commented.pcapng
grep -A1 '^        1 ' out | grep -qx '                       # no answer\\x0afrom here on'
ok '  explain: below the segment that it is of, on one line' $?
exits 0 report -o commented commented.pcapng
grep -qF ",\"'=why, \\x1b[31m; uplink\"" commented/captures.csv
ok '  captures.csv: those of section and interface, as free text' $?
exits 0 explain -w plain.pcap stream=0 commented.pcapng
"$binary" explain stream=0 plain.pcap >out 2>err
! grep -q '# ' out
ok '  a pcap that is written has none' $?

# ---- what a cut capture allows to say ----
stalled=$captures/queue/rec_stalled_service/capture.pcap
exits 0 -B 1795246403 "$stalled"
shows 'none yet; 139 still waiting when the capture ended'
shows 'still full when the capture'
exits 0 bad.pcap
shows 'queued: 5 connections had got a place in it and waited; none was answered'
"$binary" listeners bad.pcap | cut -d, -f1-44 >all.csv
"$binary" listeners --finding portscan bad.pcap | cut -d, -f1-44 >some.csv
cmp -s all.csv some.csv
ok 'a choice of findings changes no measured column' $?

echo "1..$number"
exit "$failed"
