#ifndef OURO_READING_H
#define OURO_READING_H

// How a tile asks for weights that come: into the innermost cache and the outer ones (KEEPING); past the outer ones, in
// which what is read once a pass needs no place (ONCE); not at all (NOT); or into the second cache, from which the
// processor itself reads ahead (SECOND).
enum { KEEPING, ONCE, NOT, SECOND };

// The one that suits this processor (see dispatch.c). Known before main, and the same ever after.
extern int ouro_asking;

#endif
