/* SPDX-License-Identifier: MIT
 *
 * A run: settings -> open -> read files or feed records -> finish -> tables and texts by callback.
 *
 *     struct tca_settings *set = tca_settings_new();
 *     tca_settings_set(set, "vantage", "server", &error);
 *     tca_session_open(set, &session, &error);
 *     tca_session_read(session, "incident.pcap", &error);
 *     tca_session_finish(session, &error);
 *     tca_session_table(session, "flows", row, user, &error);
 *     tca_session_free(session);
 *
 * One session belongs to one thread of the caller's at a time; sessions share nothing. The library keeps no globals, prints
 * nothing and names no host. Strings passed in are copied; strings handed to callbacks are borrowed for that
 * call. All functions return 0 or a negative enum tca_code, and then fill *error (which may be NULL). Where
 * memory or a temporary file fails while input is taken or judged, the session is no longer whole: every
 * later call returns the same code, and only tca_session_free() is left.
 */
#ifndef TCPAUTOPSY_SESSION_H
#define TCPAUTOPSY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tcpautopsy/error.h>
#include <tcpautopsy/plan.h>
#include <tcpautopsy/record.h>

struct tca_settings;
struct tca_session;

struct tca_settings *tca_settings_new(void); /* NULL when memory is out */
void tca_settings_free(struct tca_settings *set);

/* Set one option by name, without its dashes. Known: "filter" (BPF), "after" and "before" (epoch seconds or
 * ISO 8601 in UTC), "count" (records), "vantage" (auto, client, server, middle), "server" (ADDR:PORT,
 * repeatable), "key" (vlan, tunnel, vlan,tunnel), "checksums" (auto, on, off), "min-confidence" (possible,
 * probable, certain), "finding" (list of ids, others are not reported), "all-states" (true), "time" (rel,
 * iso, epoch, ns: of a ladder), "temp-dir", "raw-text" (true), "trace" (true: keep what explain needs), "at" (epoch seconds or ISO 8601) and
 * "width" (seconds) of states, "host" (address: whose states, counters, settings), "sysctl" (KEY=VALUE, or @FILE with what
 * sysctl printed, or, where it holds a line end, that text itself) and "kernel" (version): what is known of the host set last, else of every host; repeatable. "anonymize" (a key, or @FILE with one: results and packets
 * show other addresses, prefixes kept, and those in the settings "host" and "server" and in selectors are then such addresses; "real-addresses" (true): those in settings are real ones all the same).
 * "max-expanded" (bytes, or with K, M, G, T: no more may come out of
 * one compressed file or archive), "memory"
 * (bytes, or with K, M, G: about so much for connections at hand; others wait in the temporary file) and "jobs" (threads
 * that a session keeps for itself, 1 to 64; unset: as many as there are processors, once a file of some size is read): no
 * result depends on either, unless finish says that memory had no room for all connections. "shard" (K/N, 1 <= K <= N <= 64): of each capture all records are read, and one connection in N is
 * followed, for a part (part.h): all parts 1/N to N/N together hold each connection once.
 * TCA_EUSAGE with words where name or value is unknown. */
int tca_settings_set(struct tca_settings *set, const char *name, const char *value, struct tca_error *error);

/* Lines of sysctl files that are no setting of ours and were left aside. */
unsigned long long tca_settings_ignored(const struct tca_settings *set);
/* Lines of theirs that are no setting at all and were skipped. */
unsigned long long tca_settings_unread(const struct tca_settings *set);

int tca_session_open(const struct tca_settings *set, struct tca_session **ret_session,
                     struct tca_error *error);
void tca_session_free(struct tca_session *session);

/* Read one file; "-" is standard input. Plain, or compressed (gzip, zstd, xz, bzip2, lz4), it is one capture; of an archive
 * (tar, zip, 7z) each member that is a capture, compressed or not, is one, named FILE/MEMBER, in the archive's order, and the
 * others are passed over; such a name, as a path, reads that one alone. Whatever could be read before a fault is analysed, and the
 * fault is kept as that capture's status: TCA_EINPUT or TCA_EUNSUPPORTED then says that it was not read
 * whole; a cut last record is no fault (status "truncated", returns 0 with words in *error and error->code
 * still 0). Of several captures the first one that is not whole is told, and all are read. */
int tca_session_read(struct tca_session *session, const char *path, struct tca_error *error);

/* The same; each capture is told when it was read, with its code and words, and what holds several in the end, if there is something
 * to say of it. Returns 0, or what ends the session: what is wrong with single captures is told, no more. */
typedef void tca_told_fn(void *user, const char *capture, int code, const struct tca_error *error);
int tca_session_read_each(struct tca_session *session, const char *path, tca_told_fn *told, void *user);

/* The same of an item of a plan, which is borrowed until the session is freed. Its units are a capture each, whose files are told
 * one by one; frames, `capture` and tcp_stream are those of the file. */
int tca_session_read_item(struct tca_session *session, const struct tca_plan *plan, size_t item,
                          tca_told_fn *told, void *user);

/* The same with records of the caller's: begin, feed arrays, end. `name` appears as `capture`. What to leave out
 * is the caller's choice here: "filter", "after", "before" and "count" act on files only. Frame numbers start
 * at 1 and rise. After an interrupt, feed takes no more and returns 0. */
int tca_session_capture_begin(struct tca_session *session, const char *name, struct tca_error *error);
int tca_session_feed(struct tca_session *session, const struct tca_record *records, size_t count,
                     struct tca_error *error);
int tca_session_capture_end(struct tca_session *session, struct tca_error *error);

/* Between two records: stop reading, so that finish tells what there was, marked `interrupted`.
 * Async-signal-safe. */
void tca_session_interrupt(struct tca_session *session);

/* How far reading is: added up over all captures, by the session, every some thousand records. For another thread to look at. */
struct tca_progress {
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes; /* of records as a file that is not compressed stores them, about */
    _Atomic uint64_t flows; /* that are over */
};
/* Borrowed until the session is freed, or told NULL. */
void tca_session_watch(struct tca_session *session, struct tca_progress *progress);

/* All input is in: judge. Tables and texts may be asked for after this, any number of times. Returns 0 with words in
 * *error, and error->code still 0, where a sysctl that was given by name changes nothing, or memory had no room for all
 * connections. */
int tca_session_finish(struct tca_session *session, struct tca_error *error);

/* One row of a table. Cells are UTF-8 text as in the CSV, not yet quoted; an empty cell is null. */
struct tca_row {
    const char *table;
    size_t count;
    const char *const *name; /* column names */
    const char *const *cell; /* terminated */
};
typedef int tca_row_fn(void *user, const struct tca_row *row);         /* non-zero stops with TCA_ESTOPPED */
typedef int tca_write_fn(void *user, const void *bytes, size_t count); /* non-zero stops with TCA_EOUTPUT */

/* Tables: "flows", "events", "listeners", "states", "counters", "settings", "captures". */
int tca_session_table(struct tca_session *session, const char *table, tca_row_fn *fn, void *user,
                      struct tca_error *error);
/* The same as CSV (RFC 4180 with LF, header line first); `columns` is a comma list or NULL for all. */
int tca_session_csv(struct tca_session *session, const char *table, const char *columns, tca_write_fn *fn,
                    void *user, struct tca_error *error);
/* The same as JSON Lines: an object a line, with the chosen columns as its members, in their order and always all of them. Numbers
 * are numbers, lists arrays (of numbers where the column's unit is seconds), all else strings; an empty cell is null. UTF-8. */
int tca_session_jsonl(struct tca_session *session, const char *table, const char *columns, tca_write_fn *fn,
                      void *user, struct tca_error *error);
/* The incident in at most 25 lines of 80 columns. */
int tca_session_summary(struct tca_session *session, tca_write_fn *fn, void *user, struct tca_error *error);
/* All of it on one page to be looked at: the summary, timelines of listeners in trouble, sockets by state, the worst connections with
 * their ladders. One HTML file that asks for nothing else and runs nothing; below a megabyte, whatever there is; UTF-8, of which
 * nothing came from the capture unescaped. */
int tca_session_page(struct tca_session *session, tca_write_fn *fn, void *user, struct tca_error *error);
/* Several of these at once: tables, the summary and the page, each the bytes of its own call, made of one look at each connection, and side by
 * side by the session's threads. */
struct tca_product {
    const char *name;    /* of a table, or "summary", or "page" */
    const char *columns; /* as of tca_session_csv() */
    tca_write_fn *fn;    /* called by one thread at a time, perhaps not the caller's */
    /* Its last call to fn was made, and `code` and `error` are set; by that thread. NULL: nobody asks. */
    void (*end)(struct tca_product *product);
    void *user;
    int code;               /* set: what its own call would have returned */
    struct tca_error error; /* set, where that is not 0 */
    const char *form;       /* of a table: "csv", as is NULL, or "jsonl" */
};
/* All are made as far as each can be. 0, or the code of the first one that could not. */
int tca_session_make(struct tca_session *session, struct tca_product *product, size_t count);
/* What a command of the host would have printed: "ss" (as `ss -tan` at the setting "at", else at the captures' end; of the
 * setting "host", which may be left out where the captures were taken at one host's side; Send-Q needs the setting
 * "trace"), "nstat" (kernel counters with lower and upper bounds). Returns 0 with words in *error, and error->code still
 * 0, where the host was chosen, or the moment lies after the last packet. */
int tca_session_text(struct tca_session *session, const char *what, tca_write_fn *fn, void *user,
                     struct tca_error *error);
/* One connection as a ladder; needs the setting "trace". `selector`: stream=N, frame=N (c2: before N for
 * another capture), flow=c1f3456, cid=1:..., IP:PORT-IP:PORT[@TIME], finding=ID[:K]. */
int tca_session_explain(struct tca_session *session, const char *selector, bool ascii, tca_write_fn *fn,
                        void *user, struct tca_error *error);
/* The same connection in another form, of the same facts: "text" and "ascii" as above; "svg", a picture; "html", a page with the
 * picture and its findings that needs nothing else; "mermaid", a sequence diagram; these three are bounded: what a long
 * connection has in its middle is left out, and they say so. "xplot": time-sequence graphs of both directions with every
 * segment. UTF-8, of which nothing came from the capture unescaped. */
int tca_session_picture(struct tca_session *session, const char *selector, const char *form, tca_write_fn *fn,
                        void *user, struct tca_error *error);

/* That connection's packets as a pcap file: every record that it was made of, copies of a segment and ICMP errors that
 * quote one included, with their bytes, lengths and times, in the order of the capture; times in microseconds where the
 * capture's are, else in nanoseconds. With the setting "anonymize" they have other addresses and zeros for a payload. Needs the setting "trace", and reads the capture's file once more: TCA_EUSAGE for one
 * that was fed, or came from standard input or a pipe; TCA_EINPUT where it is no longer what it was; TCA_EUNSUPPORTED where
 * its records are of several link types. */
int tca_session_pcap(struct tca_session *session, const char *selector, tca_write_fn *fn, void *user,
                     struct tca_error *error);

/* True if a finding of one of these ids (comma list; `any` among them, or NULL: every one above info) was reported.
 * For --fail-on. */
int tca_session_has_finding(struct tca_session *session, const char *ids, bool *ret_found,
                            struct tca_error *error);

#endif
