/* SPDX-License-Identifier: MIT
 *
 * What reading an input and reading a series have in common. Private to the engine.
 */
#ifndef TCA_ENGINE_READING_H
#define TCA_ENGINE_READING_H

#include "capture/source.h"
#include "engine/run.h"

/* Where what is known of one file of a capture is kept: of the capture itself where that is one file. */
struct tca_file_of {
    struct tca_capture_facts *facts;
    char **name, **message;
    size_t *said; /* bytes of it that its source said; behind them is what was found besides */
    char **comment;
    struct tca_error **error;
};
static inline struct tca_file_of tca_whole_of(struct capture *c)
{
    return (struct tca_file_of){&c->facts, &c->name, &c->message, &c->said, &c->comment, &c->error};
}
static inline struct tca_file_of tca_file_of(struct capture *c, uint32_t at)
{
    if (!c->files)
        return tca_whole_of(c);
    struct file *text = &c->text[at];
    return (struct tca_file_of){&c->file[at], &text->name,    &text->message,
                                &text->said,  &text->comment, &text->error};
}

/* The records that the user wants. */
struct tca_source_settings tca_source_settings_of(const struct tca_session *s);
void tca_note_link(struct tca_capture_facts *facts, int link);
/* Words for a code that ended reading, where nothing better is known; returns the code. */
int tca_reading_words(struct tca_error *error, int code);
/* What the source knew of the file, into its row. 0 or TCA_EMEMORY, as the two below. */
int tca_take_facts(const struct tca_file_of *file, const struct tca_source_facts *from);
/* What others wrote beside its records. 0 or TCA_EMEMORY. */
int tca_capture_comment(const struct tca_file_of *file, const char *text);
/* Words of the source's own, into its row; and, behind those of the first file, what was found besides. */
int tca_capture_say(const struct tca_file_of *file, const char *text);
int tca_capture_warn(struct capture *c);
/* As the reader of this file is told: TCA_OK, TCA_EINPUT, TCA_EUNSUPPORTED. */
int tca_told_code(const struct tca_source_facts *facts);
void tca_tell_source(struct tca_error *error, int code, const char *message,
                     const struct tca_source_facts *facts);

/* ---- series (series.c) ---- */
/* All units of the item. What is wrong with single files is told. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_read_units(struct tca_session *s, const struct tca_plan_item *item, tca_told_fn *told, void *user);

#endif
