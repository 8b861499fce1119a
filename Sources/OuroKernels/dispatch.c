#include "OuroKernels.h"
