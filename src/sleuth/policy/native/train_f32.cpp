// The functions of training for values in memory as float32.

#define VALUE float
#define NAME(function) sleuth_##function##_f32

#include "train.h"
