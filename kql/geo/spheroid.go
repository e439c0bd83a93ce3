package geo

import "math"

// The spheroid is that of WGS 84.
const (
	semiMajor  = 6378137.0
	flattening = 1 / 298.257223563
	semiMinor  = semiMajor * (1 - flattening)
)

// SpheroidDistance is the distance in meters on the WGS 84 spheroid, by Vincenty's inverse formula. Nearly opposite positions, for which the formula does
// not converge, have none.
func SpheroidDistance(a, b LngLat) (float64, bool) {
	if a == b {
		return 0, true
	}
	l := radians(b[0] - a[0])
	sinU1, cosU1 := math.Sincos(math.Atan((1 - flattening) * math.Tan(radians(a[1]))))
	sinU2, cosU2 := math.Sincos(math.Atan((1 - flattening) * math.Tan(radians(b[1]))))
	lambda := l
	for range 1000 {
		sinL, cosL := math.Sincos(lambda)
		sinS := math.Hypot(cosU2*sinL, cosU1*sinU2-sinU1*cosU2*cosL)
		if sinS == 0 {
			return 0, true
		}
		cosS := sinU1*sinU2 + cosU1*cosU2*cosL
		sigma := math.Atan2(sinS, cosS)
		sinA := cosU1 * cosU2 * sinL / sinS
		cos2A := 1 - sinA*sinA
		cosM := 0.0 // on the equator
		if cos2A > 1e-16 {
			cosM = cosS - 2*sinU1*sinU2/cos2A
		}
		c := flattening / 16 * cos2A * (4 + flattening*(4-3*cos2A))
		last := lambda
		lambda = l + (1-c)*flattening*sinA*(sigma+c*sinS*(cosM+c*cosS*(2*cosM*cosM-1)))
		if math.Abs(lambda-last) > 1e-13 {
			continue
		}
		u2 := cos2A * (semiMajor*semiMajor - semiMinor*semiMinor) / (semiMinor * semiMinor)
		k1 := 1 + u2/16384*(4096+u2*(u2*(320-175*u2)-768))
		k2 := u2 / 1024 * (256 + u2*(u2*(74-47*u2)-128))
		d := k2 * sinS * (cosM + k2/4*(cosS*(2*cosM*cosM-1)-k2/6*cosM*(4*sinS*sinS-3)*(4*cosM*cosM-3)))
		return semiMinor * k1 * (sigma - d), true
	}
	return 0, false
}
