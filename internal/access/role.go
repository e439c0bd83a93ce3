package access

// Role is a named set of permissions.
type Role struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Grants      Grants `json:"-"`
}

// The roles that other parts name.
const (
	GlobalAdministrator   = "globalAdministrator"
	SecurityAdministrator = "securityAdministrator"
	SecurityOperator      = "securityOperator"
	GlobalReader          = "globalReader"
	SecurityReader        = "securityReader"
)

// Roles returns the built-in directory roles, mightiest first.
func Roles() []Role {
	readers := func() Grants {
		return Grants{
			DataRead: AllWorkloads, MailMetaRead: Email, VulnerabilityRead: Endpoint, ScoreRead: AllWorkloads,
			CoreRead: Email | Identity, SystemRead: Email | Identity,
		}
	}
	globalReader := readers()
	globalReader[RolesRead] = Email
	score := func() Grants { return Grants{ScoreRead: AllWorkloads} }
	compliance := func() Grants { return Grants{DataRead: Email, AlertsManage: Email} }
	return []Role{
		{GlobalAdministrator, "Global administrator", "Everything but reading the content of mail.", administrator()},
		{SecurityAdministrator, "Security administrator", "Everything but reading the content of mail.", administrator()},
		{SecurityOperator, "Security operator", "Works on alerts and incidents, responds, tunes detections.", Grants{
			DataRead: AllWorkloads, AlertsManage: AllWorkloads, ResponseManage: AllWorkloads,
			LiveBasic: Endpoint, LiveAdvanced: Endpoint, FilesManage: Endpoint,
			MailMetaRead: Email, VulnerabilityRead: Endpoint, ExceptionManage: Endpoint, RemediationManage: Endpoint,
			ScoreRead: AllWorkloads, CoreRead: AllWorkloads, CoreManage: AllWorkloads, DetectionManage: AllWorkloads,
			SystemRead: Email | Identity, SystemManage: Email,
		}},
		{GlobalReader, "Global reader", "Sees everything, roles of mail included, and changes nothing.", globalReader},
		{SecurityReader, "Security reader", "Sees security data and changes nothing.", readers()},
		{"exchangeAdministrator", "Exchange administrator", "Mail settings and secure score.", Grants{
			DataRead: Email, MailMetaRead: Email, SystemRead: Email, SystemManage: Email, ScoreRead: AllWorkloads, ScoreManage: AllWorkloads,
		}},
		{"sharePointAdministrator", "SharePoint administrator", "Secure score.", Grants{ScoreRead: AllWorkloads, ScoreManage: AllWorkloads}},
		{"complianceAdministrator", "Compliance administrator", "Mail alerts.", compliance()},
		{"complianceDataAdministrator", "Compliance data administrator", "Mail alerts.", compliance()},
		{"serviceSupportAdministrator", "Service support administrator", "Reads secure score.", score()},
		{"userAdministrator", "User administrator", "Reads secure score.", score()},
		{"helpdeskAdministrator", "Helpdesk administrator", "Reads secure score.", score()},
		{"billingAdministrator", "Billing administrator", "Nothing in security.", Grants{}},
		{"mailContentReader", "Mail content reader", "Opens and downloads mail and attachments; given beside another role.", Grants{MailContentRead: Email}},
	}
}

func administrator() Grants {
	return Grants{
		DataRead: AllWorkloads, AlertsManage: AllWorkloads, ResponseManage: AllWorkloads,
		LiveBasic: Endpoint, LiveAdvanced: Endpoint, FilesManage: Endpoint,
		QuarantineManage: Email, EmailActions: Email, MailMetaRead: Email,
		VulnerabilityRead: Endpoint, ExceptionManage: Endpoint, RemediationManage: Endpoint, ApplicationManage: Endpoint, BaselineManage: Endpoint,
		ScoreRead: AllWorkloads, ScoreManage: AllWorkloads,
		RolesRead: AllWorkloads, RolesManage: AllWorkloads, AuditRead: AllWorkloads,
		CoreRead: AllWorkloads, CoreManage: AllWorkloads, DetectionManage: AllWorkloads,
		SystemRead: AllWorkloads, SystemManage: AllWorkloads,
	}
}

func (s *Service) grantsOf(roles []string) Grants {
	g := Grants{}
	for _, id := range roles {
		g.add(s.roles[id].Grants) // a role that no longer exists grants nothing
	}
	return g
}
