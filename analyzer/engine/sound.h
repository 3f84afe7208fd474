/* SPDX-License-Identifier: MIT
 *
 * Is a dossier one that pass 1 may have made? Asked of what comes out of a part (part_load.c), which anybody may have written:
 * pass 2 takes states, counts and kinds of a dossier for places of tables, and times for what can be subtracted, without asking.
 * What passes here is used within its bounds; whether it is true nobody can tell. Private to the engine.
 */
#ifndef TCA_ENGINE_SOUND_H
#define TCA_ENGINE_SOUND_H

#include "classify/read/dossier.h"

/* But for its marks. */
bool tca_sound_dossier(const struct tca_dossier *d);
/* By frame, too. */
bool tca_sound_marks(const struct tca_mark *mark, unsigned count);
/* A piece of a stream, and its tuple. */
bool tca_sound_piece(const struct tca_key *key, const struct tca_piece *piece);
/* May a number, or a time, be written to so many bytes of a dossier, or of a mark, that is sound, which then still is? */
bool tca_sound_place(size_t at, unsigned bytes, bool is_time);
bool tca_sound_mark_place(size_t at, unsigned bytes, bool is_time);

#endif
