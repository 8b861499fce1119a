// Tests of the kernels in plain C: every kernel against loops in double precision, on odd shapes. They need no Swift, so
// they also run where only a C compiler and an emulator are at hand (Scripts/test_neon.sh).
#ifndef CHECKS_H
#define CHECKS_H

#include "OuroKernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Failures so far; each has said what it found.
extern int failures;

void check_products(const ouro_kernels *kernels);
void check_quantised_products(const ouro_kernels *kernels);
void check_elementwise(const ouro_kernels *kernels);
void check_attention(const ouro_kernels *kernels);

// Random numbers: in -1 ... 1, and integers in low ... high. The same in every run.
float random_value(void);
int random_integer(int low, int high);

// Memory aligned as the model's is, with room behind it to read ahead; ends the program if there is none.
void *allocate(size_t bytes);

// A value as an element type stores it: writes it and returns what it stands for.
double encode(ouro_element element, float value, void *out);

// Names the place and both values if they differ by more than tolerance * (1 + magnitude).
void expect_close(const ouro_kernels *kernels, const char *what, double found, double expected, double tolerance,
                  double magnitude);

// Names the place if not every bit of n floats agrees.
void expect_same(const ouro_kernels *kernels, const char *what, const float *found, const float *expected, size_t n);

#endif
