/* SPDX-License-Identifier: MIT
 *
 * A source of records: one capture file, or standard input, whatever its format.
 *
 * Records are numbered as they stand in the file, before any choice is made among them, so that frame numbers
 * agree with every other program that reads it. Whatever is wrong with a file is a fact about that file,
 * beside the records that could be read before it: only what leaves nothing to report on at all fails to
 * open.
 *
 *     tca_source_open -> tca_source_next ... until <= 0 -> tca_source_facts -> tca_source_close
 */
#ifndef TCA_CAPTURE_SOURCE_H
#define TCA_CAPTURE_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clip.h"
#include "tcpautopsy/error.h"
#include "tcpautopsy/record.h"

/* Which records are wanted; all zero means all of them. The others are delivered too, marked left_out, because
 * connections are numbered over the whole file. Times are nanoseconds since 1970-01-01 UTC. */
struct tca_source_settings {
    const char *filter;          /* BPF expression, NULL for none; copied */
    int64_t after_ns, before_ns; /* after_ns <= time < before_ns */
    bool has_after, has_before;
    uint64_t max_records;              /* stop after this many chosen records; 0 is no limit */
    const volatile sig_atomic_t *stop; /* borrowed, may be NULL: non-zero ends the input as interrupted */
};

#define TCA_SOURCE_STATUSES(STATUS)                                                                          \
    STATUS(ok)          /* read to its end, or as far as max_records wanted */                               \
    STATUS(truncated)   /* ends inside a record: normal where a capture was killed */                        \
    STATUS(damaged)     /* cannot be read, or not beyond some record */                                      \
    STATUS(unsupported) /* a sound file of a kind that is not analysed, wholly or beyond some record */      \
    STATUS(interrupted) /* `stop` was set */

enum tca_source_status {
#define STATUS(name) TCA_SOURCE_##name,
    TCA_SOURCE_STATUSES(STATUS)
#undef STATUS
};

enum {
    TCA_SOURCE_LINKS_MAX = 16, /* of more only the first are named */
};

/* What is known about the input so far; final once tca_source_next() has returned 0 or an error. Link types, snap
 * length and precision are those of the records; before any, of the first interface. */
struct tca_source_facts {
    const char *format; /* "pcap", "pcapng", or what the input is instead ("gzip", ...), or "unknown" */
    int link[TCA_SOURCE_LINKS_MAX]; /* LINKTYPE_ values in the order in which they came */
    unsigned links;                 /* how many of them; 0 unknown */
    uint32_t snaplen;               /* as the file says, the largest; 0 unknown */
    const char *ts_precision; /* "s", "ms", "us", "ns", "other"; "mixed" where records differ; "" unknown */
    bool has_drops;
    uint64_t drops;   /* packets that were lost while capturing, where the file tells */
    uint64_t packets; /* records read: the frame number of the last */
    uint64_t chosen;  /* records delivered that are not left out */
    uint64_t bytes;   /* bytes of the input read */
    enum tca_source_status status;
    uint64_t error_frame; /* 1-based number of the record that could not be read; 0 where none */
    int64_t error_offset; /* where in the input that record begins; -1 unknown */
    char message
        [400]; /* one line, "what happened: what to do"; notes, also to a status ok, after ';'; "" none */
    struct tca_clip comment; /* of the file's sections and interfaces */
};

struct tca_source;
struct tca_stream;

/* Open a capture; "-" is standard input. *ret is owned by the caller. Fails with TCA_EINPUT (no such file, a
 * directory, ...), TCA_EUSAGE (the filter is wrong, does not fit the file's first link type, or asks for directions, which
 * are not told there) or TCA_EMEMORY, words in *err. Records of another link type, which it does not fit, are left out, and
 * the message says so. An input that opens but is no capture succeeds here; the first tca_source_next() then fails.
 */
int tca_source_open(const char *path, const struct tca_source_settings *set, struct tca_source **ret,
                    struct tca_error *err);

/* The same of a stream, which becomes the source's in any case. */
int tca_source_take(struct tca_stream *stream, const struct tca_source_settings *set, struct tca_source **ret,
                    struct tca_error *err);

/* The next records: their number, > 0, with *ret_records borrowed until the next call on this source; 0 at
 * the end (status ok, truncated or interrupted; or unsupported where all was delivered but a link type is
 * not decoded); TCA_EINPUT (status damaged), TCA_EUNSUPPORTED or TCA_EMEMORY where reading had to stop.
 * Everything readable before is delivered first, and the same answer is given again when asked again. A
 * record longer than 256 KiB is cut to that. A time beyond what int64 nanoseconds hold is moved to the
 * nearest they do. */
int tca_source_next(struct tca_source *src, const struct tca_record **ret_records);

/* ---- for who makes one row of the records of several sources ---- */

/* The frames of records that are not yet read are larger by this than their numbers in the input, of which facts and words
 * go on to tell. */
void tca_source_set_ahead(struct tca_source *src, uint64_t ahead);
/* Records `at` to at + count - 1 of those that were delivered last get the frames from `frame` on. */
void tca_source_renumber(struct tca_source *src, size_t at, size_t count, uint64_t frame);
/* Nothing more is wanted of it, as if max_records were reached, or an interrupt was noticed; of the records that were
 * delivered last the last `unused` count as not read. */
void tca_source_leave(struct tca_source *src, size_t unused);
/* Something else that a person is to know of the input, once it has ended. */
void tca_source_note(struct tca_source *src, const char *words);

/* Borrowed: valid until tca_source_close(). */
const struct tca_source_facts *tca_source_facts(const struct tca_source *src);

/* Accepts NULL. */
void tca_source_close(struct tca_source *src);

/* Would this filter compile for Ethernet? For usage errors before any file is opened. Resolves no names. 0,
 * TCA_EUSAGE or TCA_EMEMORY, words in *err. */
int tca_source_check_filter(const char *expression, struct tca_error *err);

/* Name and version of the library that reads, static. */
const char *tca_source_library(void);

/* "ok", "truncated", ...: static. */
const char *tca_source_status_name(enum tca_source_status status);

#endif
