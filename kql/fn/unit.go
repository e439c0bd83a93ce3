package fn

import "strings"

// unitFunctions convert between units; a table per quantity gives each unit's size in the base unit. Unknown units give null.
func unitFunctions() map[string]impl {
	m := map[string]impl{}
	for name, table := range map[string]map[string]float64{
		"convert_length": {
			"angstrom": 1e-10, "astronomicalunit": 1.495978707e11, "centimeter": 0.01, "decimeter": 0.1, "foot": 0.3048, "hand": 0.1016, "hectometer": 100, "inch": 0.0254,
			"kilometer": 1000, "lightyear": 9.46073047258e15, "meter": 1, "microinch": 2.54e-8, "micrometer": 1e-6, "mil": 2.54e-5, "mile": 1609.344, "millimeter": 1e-3,
			"nanometer": 1e-9, "nauticalmile": 1852, "parsec": 3.08567758128e16, "picometer": 1e-12, "yard": 0.9144,
		},
		"convert_mass": {
			"centigram": 1e-5, "decagram": 0.01, "decigram": 1e-4, "grain": 6.479891e-5, "gram": 1e-3, "hectogram": 0.1, "kilogram": 1, "kilopound": 453.59237, "longton": 1016.0469088,
			"megatonne": 1e9, "microgram": 1e-9, "milligram": 1e-6, "nanogram": 1e-12, "ounce": 0.0283495, "pound": 0.45359237, "shorttonne": 907.18474, "stone": 6.35029318, "tonne": 1000,
		},
		"convert_energy": {
			"britishthermalunit": 1055.05585262, "calorie": 4.184, "electronvolt": 1.602176565e-19, "erg": 1e-7, "footpound": 1.355817948, "gigajoule": 1e9, "horsepowerhour": 2.6845195377e6,
			"joule": 1, "kilobritishthermalunit": 1.05505585262e6, "kilocalorie": 4184, "kilojoule": 1000, "kilowatthour": 3.6e6, "megajoule": 1e6, "megawatthour": 3.6e9, "millijoule": 1e-3,
			"watthour": 3600, "wattday": 86400,
		},
		"convert_volume": {
			"acrefoot": 1233.48183754752, "centiliter": 1e-5, "cubiccentimeter": 1e-6, "cubicfoot": 0.028316846592, "cubicinch": 1.6387064e-5, "cubickilometer": 1e9, "cubicmeter": 1,
			"cubicmile": 4.16818182544058e9, "cubicmillimeter": 1e-9, "cubicyard": 0.764554857984, "deciliter": 1e-4, "imperialgallon": 0.00454609, "liter": 1e-3, "milliliter": 1e-6,
			"oilbarrel": 0.158987294928, "usgallon": 0.003785411784, "usquart": 9.46352946e-4, "uspint": 4.73176473e-4,
		},
		"convert_speed": {
			"centimeterpersecond": 0.01, "footpersecond": 0.3048, "kilometerperhour": 1 / 3.6, "kilometerpersecond": 1000, "knot": 0.514444, "meterperminute": 1.0 / 60, "meterpersecond": 1,
			"mileperhour": 0.44704,
		},
		"convert_angle": {
			"arcminute": 1.0 / 60, "arcsecond": 1.0 / 3600, "degree": 1, "gradian": 0.9, "radian": 57.29577951308232, "revolution": 360,
		},
		"convert_force": {"decanewton": 10, "dyn": 1e-5, "kilogramforce": 9.80665, "kilonewton": 1000, "newton": 1, "poundforce": 4.4482216152605},
	} {
		m[name] = func(c *call) any {
			x, ok := c.real(0)
			from, ok1 := table[strings.ToLower(c.str(1))]
			to, ok2 := table[strings.ToLower(c.str(2))]
			if !ok || !ok1 || !ok2 {
				return nil
			}
			return x * from / to
		}
	}
	m["convert_temperature"] = func(c *call) any {
		x, ok := c.real(0)
		if !ok {
			return nil
		}
		kelvin, ok := 0.0, true
		switch strings.ToLower(c.str(1)) {
		case "kelvin":
			kelvin = x
		case "degreecelsius":
			kelvin = x + 273.15
		case "degreefahrenheit":
			kelvin = (x + 459.67) * 5 / 9
		case "degreerankine":
			kelvin = x * 5 / 9
		default:
			ok = false
		}
		if !ok {
			return nil
		}
		switch strings.ToLower(c.str(2)) {
		case "kelvin":
			return kelvin
		case "degreecelsius":
			return kelvin - 273.15
		case "degreefahrenheit":
			return kelvin*9/5 - 459.67
		case "degreerankine":
			return kelvin * 9 / 5
		}
		return nil
	}
	return m
}
