//! Which files of a sensor become which metric, in node_exporter's naming: temperatures, voltages and currents in
//! thousandths, power in millionths, everything else as it is.

use super::file_name::FileName;
use crate::attribute::Parse;
use crate::field;
use crate::metric::{counter, gauge};
use shared_model::{Metric, Unit};

/// Kind of sensor, property, and how the file is read.
type Row = (&'static str, &'static str, Parse);

metric_table! { ROWS: Row, VALUES;
    ("beep_enable", "", is_one) => gauge("node_hwmon_beep_enabled", Unit::None, "1 when alarms beep.", "/sys/class/hwmon/hwmonN/beep_enable"),
    ("vrm", "", plain) => gauge("node_hwmon_voltage_regulator_version", Unit::None, "Version of the voltage regulator.", "/sys/class/hwmon/hwmonN/vrm"),
    ("update_interval", "", milli) => gauge("node_hwmon_update_interval_seconds", Unit::Seconds, "How often the chip measures.", "/sys/class/hwmon/hwmonN/update_interval, milliseconds"),
    ("in", "input", milli) => gauge("node_hwmon_in_volts", Unit::None, "Voltage: as it is now, in volts.", "/sys/class/hwmon/hwmonN/inM_input"),
    ("in", "min", milli) => gauge("node_hwmon_in_min_volts", Unit::None, "Voltage: lower limit, in volts.", "/sys/class/hwmon/hwmonN/inM_min"),
    ("in", "max", milli) => gauge("node_hwmon_in_max_volts", Unit::None, "Voltage: upper limit, in volts.", "/sys/class/hwmon/hwmonN/inM_max"),
    ("in", "lcrit", milli) => gauge("node_hwmon_in_lcrit_volts", Unit::None, "Voltage: lower critical limit, in volts.", "/sys/class/hwmon/hwmonN/inM_lcrit"),
    ("in", "crit", milli) => gauge("node_hwmon_in_crit_volts", Unit::None, "Voltage: critical limit, in volts.", "/sys/class/hwmon/hwmonN/inM_crit"),
    ("in", "average", milli) => gauge("node_hwmon_in_average_volts", Unit::None, "Voltage: average, in volts.", "/sys/class/hwmon/hwmonN/inM_average"),
    ("in", "lowest", milli) => gauge("node_hwmon_in_lowest_volts", Unit::None, "Voltage: lowest, in volts.", "/sys/class/hwmon/hwmonN/inM_lowest"),
    ("in", "highest", milli) => gauge("node_hwmon_in_highest_volts", Unit::None, "Voltage: highest, in volts.", "/sys/class/hwmon/hwmonN/inM_highest"),
    ("in", "enable", milli) => gauge("node_hwmon_in_enable_volts", Unit::None, "Voltage: 1 when the sensor is on, in volts.", "/sys/class/hwmon/hwmonN/inM_enable"),
    ("in", "rated_min", milli) => gauge("node_hwmon_in_rated_min_volts", Unit::None, "Voltage: rated min, in volts.", "/sys/class/hwmon/hwmonN/inM_rated_min"),
    ("in", "rated_max", milli) => gauge("node_hwmon_in_rated_max_volts", Unit::None, "Voltage: rated max, in volts.", "/sys/class/hwmon/hwmonN/inM_rated_max"),
    ("in", "alarm", plain) => gauge("node_hwmon_in_alarm", Unit::None, "Voltage: alarm, 1 when on.", "/sys/class/hwmon/hwmonN/inM_alarm"),
    ("in", "fault", plain) => gauge("node_hwmon_in_fault", Unit::None, "Voltage: 1 when the sensor is broken.", "/sys/class/hwmon/hwmonN/inM_fault"),
    ("in", "beep", plain) => gauge("node_hwmon_in_beep_enabled", Unit::None, "Voltage: 1 when an alarm beeps.", "/sys/class/hwmon/hwmonN/inM_beep"),
    ("in", "min_alarm", milli) => gauge("node_hwmon_in_min_alarm_volts", Unit::None, "Voltage: min alarm, in volts: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/inM_min_alarm"),
    ("in", "max_alarm", milli) => gauge("node_hwmon_in_max_alarm_volts", Unit::None, "Voltage: max alarm, in volts: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/inM_max_alarm"),
    ("in", "lcrit_alarm", milli) => gauge("node_hwmon_in_lcrit_alarm_volts", Unit::None, "Voltage: lcrit alarm, in volts: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/inM_lcrit_alarm"),
    ("in", "crit_alarm", milli) => gauge("node_hwmon_in_crit_alarm_volts", Unit::None, "Voltage: crit alarm, in volts: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/inM_crit_alarm"),
    ("cpu", "vid", milli) => gauge("node_hwmon_cpu_vid_volts", Unit::None, "Voltage: vid, in volts.", "/sys/class/hwmon/hwmonN/cpuM_vid"),
    ("fan", "input", plain) => gauge("node_hwmon_fan_rpm", Unit::None, "Fan: as it is now, in revolutions per minute.", "/sys/class/hwmon/hwmonN/fanM_input"),
    ("fan", "min", plain) => gauge("node_hwmon_fan_min_rpm", Unit::None, "Fan: lower limit, in revolutions per minute.", "/sys/class/hwmon/hwmonN/fanM_min"),
    ("fan", "max", plain) => gauge("node_hwmon_fan_max_rpm", Unit::None, "Fan: upper limit, in revolutions per minute.", "/sys/class/hwmon/hwmonN/fanM_max"),
    ("fan", "target", plain) => gauge("node_hwmon_fan_target_rpm", Unit::None, "Fan: target, in revolutions per minute.", "/sys/class/hwmon/hwmonN/fanM_target"),
    ("fan", "alarm", plain) => gauge("node_hwmon_fan_alarm", Unit::None, "Fan: alarm, 1 when on.", "/sys/class/hwmon/hwmonN/fanM_alarm"),
    ("fan", "fault", plain) => gauge("node_hwmon_fan_fault", Unit::None, "Fan: 1 when the sensor is broken.", "/sys/class/hwmon/hwmonN/fanM_fault"),
    ("fan", "beep", plain) => gauge("node_hwmon_fan_beep_enabled", Unit::None, "Fan: 1 when an alarm beeps.", "/sys/class/hwmon/hwmonN/fanM_beep"),
    ("fan", "div", plain) => gauge("node_hwmon_fan_div", Unit::None, "Fan: div.", "/sys/class/hwmon/hwmonN/fanM_div"),
    ("fan", "pulses", plain) => gauge("node_hwmon_fan_pulses", Unit::None, "Fan: pulses.", "/sys/class/hwmon/hwmonN/fanM_pulses"),
    ("fan", "enable", plain) => gauge("node_hwmon_fan_enable", Unit::None, "Fan: 1 when the sensor is on.", "/sys/class/hwmon/hwmonN/fanM_enable"),
    ("fan", "manual", plain) => gauge("node_hwmon_fan_manual", Unit::None, "Fan: manual.", "/sys/class/hwmon/hwmonN/fanM_manual"),
    ("fan", "output", plain) => gauge("node_hwmon_fan_output", Unit::None, "Fan: output.", "/sys/class/hwmon/hwmonN/fanM_output"),
    ("fan", "tolerance", plain) => gauge("node_hwmon_fan_tolerance", Unit::None, "Fan: tolerance.", "/sys/class/hwmon/hwmonN/fanM_tolerance"),
    ("fan", "min_alarm", plain) => gauge("node_hwmon_fan_min_alarm", Unit::None, "Fan: min alarm.", "/sys/class/hwmon/hwmonN/fanM_min_alarm"),
    ("fan", "max_alarm", plain) => gauge("node_hwmon_fan_max_alarm", Unit::None, "Fan: max alarm.", "/sys/class/hwmon/hwmonN/fanM_max_alarm"),
    ("pwm", "", plain) => gauge("node_hwmon_pwm", Unit::None, "Fan control: as it is set.", "/sys/class/hwmon/hwmonN/pwmM"),
    ("pwm", "enable", plain) => gauge("node_hwmon_pwm_enable", Unit::None, "Fan control: mode of control.", "/sys/class/hwmon/hwmonN/pwmM_enable"),
    ("pwm", "mode", plain) => gauge("node_hwmon_pwm_mode", Unit::None, "Fan control: mode.", "/sys/class/hwmon/hwmonN/pwmM_mode"),
    ("pwm", "freq", plain) => gauge("node_hwmon_pwm_freq", Unit::None, "Fan control: freq.", "/sys/class/hwmon/hwmonN/pwmM_freq"),
    ("pwm", "auto_channels_temp", plain) => gauge("node_hwmon_pwm_auto_channels_temp", Unit::None, "Fan control: auto channels temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_channels_temp"),
    ("pwm", "auto_point1_pwm", plain) => gauge("node_hwmon_pwm_auto_point1_pwm", Unit::None, "Fan control: auto point1 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point1_pwm"),
    ("pwm", "auto_point1_temp", plain) => gauge("node_hwmon_pwm_auto_point1_temp", Unit::None, "Fan control: auto point1 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point1_temp"),
    ("pwm", "auto_point2_pwm", plain) => gauge("node_hwmon_pwm_auto_point2_pwm", Unit::None, "Fan control: auto point2 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point2_pwm"),
    ("pwm", "auto_point2_temp", plain) => gauge("node_hwmon_pwm_auto_point2_temp", Unit::None, "Fan control: auto point2 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point2_temp"),
    ("pwm", "auto_point3_pwm", plain) => gauge("node_hwmon_pwm_auto_point3_pwm", Unit::None, "Fan control: auto point3 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point3_pwm"),
    ("pwm", "auto_point3_temp", plain) => gauge("node_hwmon_pwm_auto_point3_temp", Unit::None, "Fan control: auto point3 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point3_temp"),
    ("pwm", "auto_point4_pwm", plain) => gauge("node_hwmon_pwm_auto_point4_pwm", Unit::None, "Fan control: auto point4 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point4_pwm"),
    ("pwm", "auto_point4_temp", plain) => gauge("node_hwmon_pwm_auto_point4_temp", Unit::None, "Fan control: auto point4 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point4_temp"),
    ("pwm", "auto_point5_pwm", plain) => gauge("node_hwmon_pwm_auto_point5_pwm", Unit::None, "Fan control: auto point5 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point5_pwm"),
    ("pwm", "auto_point5_temp", plain) => gauge("node_hwmon_pwm_auto_point5_temp", Unit::None, "Fan control: auto point5 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point5_temp"),
    ("pwm", "auto_point6_pwm", plain) => gauge("node_hwmon_pwm_auto_point6_pwm", Unit::None, "Fan control: auto point6 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point6_pwm"),
    ("pwm", "auto_point6_temp", plain) => gauge("node_hwmon_pwm_auto_point6_temp", Unit::None, "Fan control: auto point6 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point6_temp"),
    ("pwm", "auto_point7_pwm", plain) => gauge("node_hwmon_pwm_auto_point7_pwm", Unit::None, "Fan control: auto point7 pwm.", "/sys/class/hwmon/hwmonN/pwmM_auto_point7_pwm"),
    ("pwm", "auto_point7_temp", plain) => gauge("node_hwmon_pwm_auto_point7_temp", Unit::None, "Fan control: auto point7 temp.", "/sys/class/hwmon/hwmonN/pwmM_auto_point7_temp"),
    ("pwm", "crit_temp_tolerance", plain) => gauge("node_hwmon_pwm_crit_temp_tolerance", Unit::None, "Fan control: crit temp tolerance.", "/sys/class/hwmon/hwmonN/pwmM_crit_temp_tolerance"),
    ("pwm", "floor", plain) => gauge("node_hwmon_pwm_floor", Unit::None, "Fan control: floor.", "/sys/class/hwmon/hwmonN/pwmM_floor"),
    ("pwm", "start", plain) => gauge("node_hwmon_pwm_start", Unit::None, "Fan control: start.", "/sys/class/hwmon/hwmonN/pwmM_start"),
    ("pwm", "step_down_time", plain) => gauge("node_hwmon_pwm_step_down_time", Unit::None, "Fan control: step down time.", "/sys/class/hwmon/hwmonN/pwmM_step_down_time"),
    ("pwm", "step_up_time", plain) => gauge("node_hwmon_pwm_step_up_time", Unit::None, "Fan control: step up time.", "/sys/class/hwmon/hwmonN/pwmM_step_up_time"),
    ("pwm", "stop_time", plain) => gauge("node_hwmon_pwm_stop_time", Unit::None, "Fan control: stop time.", "/sys/class/hwmon/hwmonN/pwmM_stop_time"),
    ("pwm", "target_temp", plain) => gauge("node_hwmon_pwm_target_temp", Unit::None, "Fan control: target temp.", "/sys/class/hwmon/hwmonN/pwmM_target_temp"),
    ("pwm", "temp_sel", plain) => gauge("node_hwmon_pwm_temp_sel", Unit::None, "Fan control: temp sel.", "/sys/class/hwmon/hwmonN/pwmM_temp_sel"),
    ("pwm", "temp_tolerance", plain) => gauge("node_hwmon_pwm_temp_tolerance", Unit::None, "Fan control: temp tolerance.", "/sys/class/hwmon/hwmonN/pwmM_temp_tolerance"),
    ("pwm", "weight_duty_base", plain) => gauge("node_hwmon_pwm_weight_duty_base", Unit::None, "Fan control: weight duty base.", "/sys/class/hwmon/hwmonN/pwmM_weight_duty_base"),
    ("pwm", "weight_duty_step", plain) => gauge("node_hwmon_pwm_weight_duty_step", Unit::None, "Fan control: weight duty step.", "/sys/class/hwmon/hwmonN/pwmM_weight_duty_step"),
    ("pwm", "weight_temp_sel", plain) => gauge("node_hwmon_pwm_weight_temp_sel", Unit::None, "Fan control: weight temp sel.", "/sys/class/hwmon/hwmonN/pwmM_weight_temp_sel"),
    ("pwm", "weight_temp_step", plain) => gauge("node_hwmon_pwm_weight_temp_step", Unit::None, "Fan control: weight temp step.", "/sys/class/hwmon/hwmonN/pwmM_weight_temp_step"),
    ("pwm", "weight_temp_step_base", plain) => gauge("node_hwmon_pwm_weight_temp_step_base", Unit::None, "Fan control: weight temp step base.", "/sys/class/hwmon/hwmonN/pwmM_weight_temp_step_base"),
    ("pwm", "weight_temp_step_tol", plain) => gauge("node_hwmon_pwm_weight_temp_step_tol", Unit::None, "Fan control: weight temp step tol.", "/sys/class/hwmon/hwmonN/pwmM_weight_temp_step_tol"),
    ("temp", "input", milli) => gauge("node_hwmon_temp_celsius", Unit::None, "Temperature: as it is now, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_input"),
    ("temp", "min", milli) => gauge("node_hwmon_temp_min_celsius", Unit::None, "Temperature: lower limit, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_min"),
    ("temp", "max", milli) => gauge("node_hwmon_temp_max_celsius", Unit::None, "Temperature: upper limit, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_max"),
    ("temp", "min_hyst", milli) => gauge("node_hwmon_temp_min_hyst_celsius", Unit::None, "Temperature: min hyst, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_min_hyst"),
    ("temp", "max_hyst", milli) => gauge("node_hwmon_temp_max_hyst_celsius", Unit::None, "Temperature: max hyst, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_max_hyst"),
    ("temp", "lcrit", milli) => gauge("node_hwmon_temp_lcrit_celsius", Unit::None, "Temperature: lower critical limit, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_lcrit"),
    ("temp", "lcrit_hyst", milli) => gauge("node_hwmon_temp_lcrit_hyst_celsius", Unit::None, "Temperature: lcrit hyst, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_lcrit_hyst"),
    ("temp", "crit", milli) => gauge("node_hwmon_temp_crit_celsius", Unit::None, "Temperature: critical limit, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_crit"),
    ("temp", "crit_hyst", milli) => gauge("node_hwmon_temp_crit_hyst_celsius", Unit::None, "Temperature: crit hyst, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_crit_hyst"),
    ("temp", "emergency", milli) => gauge("node_hwmon_temp_emergency_celsius", Unit::None, "Temperature: emergency limit, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_emergency"),
    ("temp", "emergency_hyst", milli) => gauge("node_hwmon_temp_emergency_hyst_celsius", Unit::None, "Temperature: emergency hyst, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_emergency_hyst"),
    ("temp", "offset", milli) => gauge("node_hwmon_temp_offset_celsius", Unit::None, "Temperature: correction, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_offset"),
    ("temp", "lowest", milli) => gauge("node_hwmon_temp_lowest_celsius", Unit::None, "Temperature: lowest, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_lowest"),
    ("temp", "highest", milli) => gauge("node_hwmon_temp_highest_celsius", Unit::None, "Temperature: highest, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_highest"),
    ("temp", "average", milli) => gauge("node_hwmon_temp_average_celsius", Unit::None, "Temperature: average, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_average"),
    ("temp", "enable", milli) => gauge("node_hwmon_temp_enable_celsius", Unit::None, "Temperature: 1 when the sensor is on, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_enable"),
    ("temp", "rated_min", milli) => gauge("node_hwmon_temp_rated_min_celsius", Unit::None, "Temperature: rated min, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_rated_min"),
    ("temp", "rated_max", milli) => gauge("node_hwmon_temp_rated_max_celsius", Unit::None, "Temperature: rated max, in degrees Celsius.", "/sys/class/hwmon/hwmonN/tempM_rated_max"),
    ("temp", "alarm", plain) => gauge("node_hwmon_temp_alarm", Unit::None, "Temperature: alarm, 1 when on.", "/sys/class/hwmon/hwmonN/tempM_alarm"),
    ("temp", "fault", plain) => gauge("node_hwmon_temp_fault", Unit::None, "Temperature: 1 when the sensor is broken.", "/sys/class/hwmon/hwmonN/tempM_fault"),
    ("temp", "beep", plain) => gauge("node_hwmon_temp_beep_enabled", Unit::None, "Temperature: 1 when an alarm beeps.", "/sys/class/hwmon/hwmonN/tempM_beep"),
    ("temp", "min_alarm", milli) => gauge("node_hwmon_temp_min_alarm_celsius", Unit::None, "Temperature: min alarm, in degrees Celsius: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/tempM_min_alarm"),
    ("temp", "max_alarm", milli) => gauge("node_hwmon_temp_max_alarm_celsius", Unit::None, "Temperature: max alarm, in degrees Celsius: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/tempM_max_alarm"),
    ("temp", "lcrit_alarm", milli) => gauge("node_hwmon_temp_lcrit_alarm_celsius", Unit::None, "Temperature: lcrit alarm, in degrees Celsius: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/tempM_lcrit_alarm"),
    ("temp", "crit_alarm", milli) => gauge("node_hwmon_temp_crit_alarm_celsius", Unit::None, "Temperature: crit alarm, in degrees Celsius: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/tempM_crit_alarm"),
    ("temp", "emergency_alarm", milli) => gauge("node_hwmon_temp_emergency_alarm_celsius", Unit::None, "Temperature: emergency alarm, in degrees Celsius: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/tempM_emergency_alarm"),
    ("temp", "type", plain) => gauge("node_hwmon_temp_type", Unit::None, "Temperature: type.", "/sys/class/hwmon/hwmonN/tempM_type"),
    ("curr", "input", milli) => gauge("node_hwmon_curr_amps", Unit::None, "Current: as it is now, in amperes.", "/sys/class/hwmon/hwmonN/currM_input"),
    ("curr", "min", milli) => gauge("node_hwmon_curr_min_amps", Unit::None, "Current: lower limit, in amperes.", "/sys/class/hwmon/hwmonN/currM_min"),
    ("curr", "max", milli) => gauge("node_hwmon_curr_max_amps", Unit::None, "Current: upper limit, in amperes.", "/sys/class/hwmon/hwmonN/currM_max"),
    ("curr", "lcrit", milli) => gauge("node_hwmon_curr_lcrit_amps", Unit::None, "Current: lower critical limit, in amperes.", "/sys/class/hwmon/hwmonN/currM_lcrit"),
    ("curr", "crit", milli) => gauge("node_hwmon_curr_crit_amps", Unit::None, "Current: critical limit, in amperes.", "/sys/class/hwmon/hwmonN/currM_crit"),
    ("curr", "average", milli) => gauge("node_hwmon_curr_average_amps", Unit::None, "Current: average, in amperes.", "/sys/class/hwmon/hwmonN/currM_average"),
    ("curr", "lowest", milli) => gauge("node_hwmon_curr_lowest_amps", Unit::None, "Current: lowest, in amperes.", "/sys/class/hwmon/hwmonN/currM_lowest"),
    ("curr", "highest", milli) => gauge("node_hwmon_curr_highest_amps", Unit::None, "Current: highest, in amperes.", "/sys/class/hwmon/hwmonN/currM_highest"),
    ("curr", "enable", milli) => gauge("node_hwmon_curr_enable_amps", Unit::None, "Current: 1 when the sensor is on, in amperes.", "/sys/class/hwmon/hwmonN/currM_enable"),
    ("curr", "rated_min", milli) => gauge("node_hwmon_curr_rated_min_amps", Unit::None, "Current: rated min, in amperes.", "/sys/class/hwmon/hwmonN/currM_rated_min"),
    ("curr", "rated_max", milli) => gauge("node_hwmon_curr_rated_max_amps", Unit::None, "Current: rated max, in amperes.", "/sys/class/hwmon/hwmonN/currM_rated_max"),
    ("curr", "alarm", plain) => gauge("node_hwmon_curr_alarm", Unit::None, "Current: alarm, 1 when on.", "/sys/class/hwmon/hwmonN/currM_alarm"),
    ("curr", "fault", plain) => gauge("node_hwmon_curr_fault", Unit::None, "Current: 1 when the sensor is broken.", "/sys/class/hwmon/hwmonN/currM_fault"),
    ("curr", "beep", plain) => gauge("node_hwmon_curr_beep_enabled", Unit::None, "Current: 1 when an alarm beeps.", "/sys/class/hwmon/hwmonN/currM_beep"),
    ("curr", "min_alarm", milli) => gauge("node_hwmon_curr_min_alarm_amps", Unit::None, "Current: min alarm, in amperes: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/currM_min_alarm"),
    ("curr", "max_alarm", milli) => gauge("node_hwmon_curr_max_alarm_amps", Unit::None, "Current: max alarm, in amperes: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/currM_max_alarm"),
    ("curr", "lcrit_alarm", milli) => gauge("node_hwmon_curr_lcrit_alarm_amps", Unit::None, "Current: lcrit alarm, in amperes: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/currM_lcrit_alarm"),
    ("curr", "crit_alarm", milli) => gauge("node_hwmon_curr_crit_alarm_amps", Unit::None, "Current: crit alarm, in amperes: node_exporter scales alarms too, so that one that is on reads 0.001.", "/sys/class/hwmon/hwmonN/currM_crit_alarm"),
    ("power", "accuracy", micro) => gauge("node_hwmon_power_accuracy", Unit::Ratio, "Power: accuracy.", "/sys/class/hwmon/hwmonN/powerM_accuracy"),
    ("power", "average_interval", milli) => gauge("node_hwmon_power_average_interval_seconds", Unit::Seconds, "Power: average interval.", "/sys/class/hwmon/hwmonN/powerM_average_interval"),
    ("power", "average_interval_min", milli) => gauge("node_hwmon_power_average_interval_min_seconds", Unit::Seconds, "Power: average interval min.", "/sys/class/hwmon/hwmonN/powerM_average_interval_min"),
    ("power", "average_interval_max", milli) => gauge("node_hwmon_power_average_interval_max_seconds", Unit::Seconds, "Power: average interval max.", "/sys/class/hwmon/hwmonN/powerM_average_interval_max"),
    ("power", "input", micro) => gauge("node_hwmon_power_watt", Unit::None, "Power: as it is now, in watts.", "/sys/class/hwmon/hwmonN/powerM_input"),
    ("power", "average", micro) => gauge("node_hwmon_power_average_watt", Unit::None, "Power: average, in watts.", "/sys/class/hwmon/hwmonN/powerM_average"),
    ("power", "average_min", micro) => gauge("node_hwmon_power_average_min_watt", Unit::None, "Power: average min, in watts.", "/sys/class/hwmon/hwmonN/powerM_average_min"),
    ("power", "average_max", micro) => gauge("node_hwmon_power_average_max_watt", Unit::None, "Power: average max, in watts.", "/sys/class/hwmon/hwmonN/powerM_average_max"),
    ("power", "average_lowest", micro) => gauge("node_hwmon_power_average_lowest_watt", Unit::None, "Power: average lowest, in watts.", "/sys/class/hwmon/hwmonN/powerM_average_lowest"),
    ("power", "average_highest", micro) => gauge("node_hwmon_power_average_highest_watt", Unit::None, "Power: average highest, in watts.", "/sys/class/hwmon/hwmonN/powerM_average_highest"),
    ("power", "input_lowest", micro) => gauge("node_hwmon_power_input_lowest_watt", Unit::None, "Power: input lowest, in watts.", "/sys/class/hwmon/hwmonN/powerM_input_lowest"),
    ("power", "input_highest", micro) => gauge("node_hwmon_power_input_highest_watt", Unit::None, "Power: input highest, in watts.", "/sys/class/hwmon/hwmonN/powerM_input_highest"),
    ("power", "cap", micro) => gauge("node_hwmon_power_cap_watt", Unit::None, "Power: cap, in watts.", "/sys/class/hwmon/hwmonN/powerM_cap"),
    ("power", "cap_hyst", micro) => gauge("node_hwmon_power_cap_hyst_watt", Unit::None, "Power: cap hyst, in watts.", "/sys/class/hwmon/hwmonN/powerM_cap_hyst"),
    ("power", "cap_min", micro) => gauge("node_hwmon_power_cap_min_watt", Unit::None, "Power: cap min, in watts.", "/sys/class/hwmon/hwmonN/powerM_cap_min"),
    ("power", "cap_max", micro) => gauge("node_hwmon_power_cap_max_watt", Unit::None, "Power: cap max, in watts.", "/sys/class/hwmon/hwmonN/powerM_cap_max"),
    ("power", "min", micro) => gauge("node_hwmon_power_min_watt", Unit::None, "Power: lower limit, in watts.", "/sys/class/hwmon/hwmonN/powerM_min"),
    ("power", "max", micro) => gauge("node_hwmon_power_max_watt", Unit::None, "Power: upper limit, in watts.", "/sys/class/hwmon/hwmonN/powerM_max"),
    ("power", "lcrit", micro) => gauge("node_hwmon_power_lcrit_watt", Unit::None, "Power: lower critical limit, in watts.", "/sys/class/hwmon/hwmonN/powerM_lcrit"),
    ("power", "crit", micro) => gauge("node_hwmon_power_crit_watt", Unit::None, "Power: critical limit, in watts.", "/sys/class/hwmon/hwmonN/powerM_crit"),
    ("power", "enable", micro) => gauge("node_hwmon_power_enable_watt", Unit::None, "Power: 1 when the sensor is on, in watts.", "/sys/class/hwmon/hwmonN/powerM_enable"),
    ("power", "rated_min", micro) => gauge("node_hwmon_power_rated_min_watt", Unit::None, "Power: rated min, in watts.", "/sys/class/hwmon/hwmonN/powerM_rated_min"),
    ("power", "rated_max", micro) => gauge("node_hwmon_power_rated_max_watt", Unit::None, "Power: rated max, in watts.", "/sys/class/hwmon/hwmonN/powerM_rated_max"),
    ("power", "alarm", plain) => gauge("node_hwmon_power_alarm", Unit::None, "Power: alarm, 1 when on.", "/sys/class/hwmon/hwmonN/powerM_alarm"),
    ("power", "fault", plain) => gauge("node_hwmon_power_fault", Unit::None, "Power: 1 when the sensor is broken.", "/sys/class/hwmon/hwmonN/powerM_fault"),
    ("power", "beep", plain) => gauge("node_hwmon_power_beep_enabled", Unit::None, "Power: 1 when an alarm beeps.", "/sys/class/hwmon/hwmonN/powerM_beep"),
    ("power", "cap_alarm", micro) => gauge("node_hwmon_power_cap_alarm_watt", Unit::None, "Power: cap alarm, in watts: node_exporter scales alarms too, so that one that is on reads 0.000001.", "/sys/class/hwmon/hwmonN/powerM_cap_alarm"),
    ("power", "min_alarm", micro) => gauge("node_hwmon_power_min_alarm_watt", Unit::None, "Power: min alarm, in watts: node_exporter scales alarms too, so that one that is on reads 0.000001.", "/sys/class/hwmon/hwmonN/powerM_min_alarm"),
    ("power", "max_alarm", micro) => gauge("node_hwmon_power_max_alarm_watt", Unit::None, "Power: max alarm, in watts: node_exporter scales alarms too, so that one that is on reads 0.000001.", "/sys/class/hwmon/hwmonN/powerM_max_alarm"),
    ("power", "lcrit_alarm", micro) => gauge("node_hwmon_power_lcrit_alarm_watt", Unit::None, "Power: lcrit alarm, in watts: node_exporter scales alarms too, so that one that is on reads 0.000001.", "/sys/class/hwmon/hwmonN/powerM_lcrit_alarm"),
    ("power", "crit_alarm", micro) => gauge("node_hwmon_power_crit_alarm_watt", Unit::None, "Power: crit alarm, in watts: node_exporter scales alarms too, so that one that is on reads 0.000001.", "/sys/class/hwmon/hwmonN/powerM_crit_alarm"),
    ("energy", "input", micro) => counter("node_hwmon_energy_joule_total", Unit::None, "Energy: as it is now, in joules since the sensor's start.", "/sys/class/hwmon/hwmonN/energyM_input"),
    ("humidity", "input", micro) => gauge("node_hwmon_humidity", Unit::None, "Humidity: as it is now, in the unit of node_exporter.", "/sys/class/hwmon/hwmonN/humidityM_input"),
    ("humidity", "min", micro) => gauge("node_hwmon_humidity_min", Unit::None, "Humidity: lower limit, in the unit of node_exporter.", "/sys/class/hwmon/hwmonN/humidityM_min"),
    ("humidity", "max", micro) => gauge("node_hwmon_humidity_max", Unit::None, "Humidity: upper limit, in the unit of node_exporter.", "/sys/class/hwmon/hwmonN/humidityM_max"),
    ("humidity", "rated_min", micro) => gauge("node_hwmon_humidity_rated_min", Unit::None, "Humidity: rated min, in the unit of node_exporter.", "/sys/class/hwmon/hwmonN/humidityM_rated_min"),
    ("humidity", "rated_max", micro) => gauge("node_hwmon_humidity_rated_max", Unit::None, "Humidity: rated max, in the unit of node_exporter.", "/sys/class/hwmon/hwmonN/humidityM_rated_max"),
    ("intrusion", "alarm", plain) => gauge("node_hwmon_intrusion_alarm", Unit::None, "Intrusion: alarm, 1 when on.", "/sys/class/hwmon/hwmonN/intrusionM_alarm"),
    ("intrusion", "beep", plain) => gauge("node_hwmon_intrusion_beep_enabled", Unit::None, "Intrusion: 1 when an alarm beeps.", "/sys/class/hwmon/hwmonN/intrusionM_beep"),
}

/// The metric of a file; `None` when node_exporter's names have none that is known here.
pub(super) fn find(file: &FileName<'_>) -> Option<(&'static Metric, Parse)> {
    let mut rows = ROWS.iter().zip(VALUES);
    let found =
        rows.find(|((kind, property, _), _)| (*kind, *property) == (file.kind, file.property));
    found.map(|((_, _, parse), metric)| (metric, *parse))
}

fn plain(text: &[u8]) -> Result<Option<f64>, &'static str> {
    field::integer(text).map(|value| Some(value as f64)).ok_or("a number")
}

/// Thousandths. Multiplied as node_exporter does, so that the last bit of the value is the same.
fn milli(text: &[u8]) -> Result<Option<f64>, &'static str> {
    Ok(plain(text)?.map(|value| value * 0.001))
}

/// Millionths, divided as node_exporter does.
pub(super) fn micro(text: &[u8]) -> Result<Option<f64>, &'static str> {
    Ok(plain(text)?.map(|value| value / 1_000_000.0))
}

fn is_one(text: &[u8]) -> Result<Option<f64>, &'static str> {
    plain(text)?;
    Ok(Some(f64::from(u8::from(text == b"1"))))
}
