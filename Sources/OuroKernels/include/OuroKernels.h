#ifndef OURO_KERNELS_H
#define OURO_KERNELS_H

#include <stdint.h>

#endif
