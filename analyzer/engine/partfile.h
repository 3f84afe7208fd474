/* SPDX-License-Identifier: MIT
 *
 * The file that a part is: items of several kinds, one kind behind the other, in blocks that each have a checksum, so that
 * nothing is looked at before it is known to be as it was written, and no more memory is taken than a block. docs/parts.md
 * has the format. Private to the engine.
 */
#ifndef TCA_ENGINE_PARTFILE_H
#define TCA_ENGINE_PARTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tcpautopsy/error.h>

/* In this order. */
enum tca_part_kind {
    TCA_PART_ABOUT,
    TCA_PART_CAPTURE,
    TCA_PART_FILE,
    TCA_PART_RUNS,
    TCA_PART_GAP,
    TCA_PART_MODEL,
    TCA_PART_DOSSIER,
    TCA_PART_STREAM,
    TCA_PART_HINTS,
    TCA_PART_MOVED,
    TCA_PART_END, /* the file's own */
    TCA_PART_KINDS,
};

/* ---- writing: beside its place, under a name of its own until it is whole ---- */
struct tca_partfile_writer;
/* 0, TCA_EMEMORY or TCA_EOUTPUT. form: what the bytes of items mean. */
int tca_partfile_create(const char *path, uint64_t form, struct tca_partfile_writer **ret,
                        struct tca_error *error);
/* The item is made of two pieces, either may be empty; kinds may not go back. Failures are kept. */
int tca_partfile_put(struct tca_partfile_writer *w, enum tca_part_kind kind, const void *head,
                     size_t head_size, const void *rest, size_t rest_size);
/* code 0: it is whole, goes to the disk, and then has its name; else nothing is left of it. Frees the writer. Returns the first
 * failure, with words, or 0. */
int tca_partfile_end(struct tca_partfile_writer *w, int code, struct tca_error *error);

/* ---- reading ---- */
struct tca_partfile_reader;
/* 0, TCA_EMEMORY, TCA_EINPUT, or TCA_EUNSUPPORTED: of another version, machine or form. */
int tca_partfile_open(const char *path, uint64_t form, struct tca_partfile_reader **ret,
                      struct tca_error *error);
/* The next item: 1, borrowed until the next call, aligned to 8; 0 at the end, which all that was written has led to; negative:
 * TCA_EMEMORY or TCA_EINPUT. */
struct tca_part_item {
    enum tca_part_kind kind;
    size_t size;
    const void *bytes;
};
int tca_partfile_next(struct tca_partfile_reader *r, struct tca_part_item *ret, struct tca_error *error);
/* Words for an item that cannot be what it is said to be; returns TCA_EINPUT. */
int tca_partfile_unsound(struct tca_error *error);
void tca_partfile_close(struct tca_partfile_reader *r); /* accepts NULL */

#endif
