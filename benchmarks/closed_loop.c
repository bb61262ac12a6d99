/* The closed loop of an LSTM in plain C: single precision, one trajectory, weights by rows.

   closed (units, 4 units), bias (4 units), readout (outputs, units), offset (outputs);
   h and c (units) are changed; trajectory (steps, outputs) is written. */
#include <math.h>
#include <string.h>

void run(int units, int outputs, int steps, const float *restrict closed,
         const float *restrict bias, const float *restrict readout, const float *restrict offset,
         float *restrict h, float *restrict c, float *restrict sums, float *restrict trajectory)
{
    for (int step = 0; step < steps; step++) {
        for (int k = 0; k < outputs; k++) {
            float y = offset[k];
            for (int j = 0; j < units; j++)
                y += readout[k * units + j] * h[j];
            trajectory[step * outputs + k] = y;
        }
        memcpy(sums, bias, 4 * units * sizeof(float));
        for (int j = 0; j < units; j++)
            for (int k = 0; k < 4 * units; k++)
                sums[k] += h[j] * closed[j * 4 * units + k];
        for (int k = 0; k < units; k++) {
            float i = 1 / (1 + expf(-sums[k])), f = 1 / (1 + expf(-sums[units + k]));
            float g = tanhf(sums[2 * units + k]), o = 1 / (1 + expf(-sums[3 * units + k]));
            c[k] = f * c[k] + i * g;
            h[k] = o * tanhf(c[k]);
        }
    }
}
